package main

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// writeCertificate writes a self-signed certificate for localhost, which is valid for a day.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotAfter: time.Now().AddDate(0, 0, 1), DNSNames: []string{"localhost"}}, nil)
	return cert, key
}

func TestSIGHUPReadsTheCertificatesAgain(t *testing.T) {
	t.Parallel()
	cert, key := writeCertificate(t)
	config := written(t, "tls-listen = '127.0.0.1:0'\n[tls]\ncert = '"+cert+"'\nkey = '"+key+"'\n")
	l := startLogged(t, "--config", config)
	next := func() string {
		for {
			if text := l.line(t)["msg"].(string); strings.HasPrefix(text, "TLS certificate") {
				return text
			}
		}
	}
	for range 2 { // the files are the same: only the signal makes a line
		l.signal(t, syscall.SIGHUP)
		if got := next(); got != "TLS certificates replaced" {
			t.Fatalf("got log line %q", got)
		}
	}
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	const refused = "TLS certificate not replaced: the one before stays in use"
	if got := next(); got != refused { // within a second, without a signal
		t.Fatalf("got log line %q", got)
	}
	l.signal(t, syscall.SIGHUP)
	if got := next(); got != refused {
		t.Fatalf("got log line %q", got)
	}
	l.answers(t)
	l.signal(t, syscall.SIGTERM)
	if code := l.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}

// reloadLines returns the lines about a reload until its last one.
func (l *logged) reloadLines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for {
		line := l.line(t)
		if text := line["msg"].(string); !strings.Contains(text, "reloaded") && !strings.Contains(text, "restart") {
			continue
		}
		lines = append(lines, line)
		if line["msg"] == "settings reloaded" || strings.HasPrefix(line["msg"].(string), "settings not reloaded") {
			return lines
		}
	}
}

// SIGHUP reads the file again: it applies what may change, names what needs a restart, and leaves everything as it is after a mistake.
func TestSIGHUPReloadsTheSettings(t *testing.T) {
	t.Parallel()
	config := written(t, "rate = 50\n")
	l := startLogged(t, "--config", config, "--drain", "5s")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l.signal(t, syscall.SIGHUP)
	}
	write("rate = 60\ndrain = '7s'\nping-interval = '30s'\n[[room]]\npattern = 'x'\n")
	lines := l.reloadLines(t)
	if len(lines) != 2 || lines[0]["settings"] != "ping-interval" || lines[1]["changed"] != `rate, room "x": added` || lines[1]["by"] != "SIGHUP" {
		t.Errorf("got %v", lines) // drain is a flag, which takes precedence
	}
	for text, want := range map[string]string{
		"rate = \n":       ":1:8: not TOML: the value is missing",
		"colour = 1\n":    ":1:1: colour: no such key",
		"rate = -1\n":     ":1:1: rate = -1: must be 1 to 1000000",
		"rate = 'many'\n": ":1:1: rate = 'many': must be a whole number",
		"[[api.keys]]\nname='a'\nrole='all'\nfile='none'\n": `:4:1: api.keys "a": file = "none": open `,
	} {
		write(text)
		lines := l.reloadLines(t)
		got, _ := lines[0]["error"].(string)
		if !strings.HasPrefix(got, config+want) {
			t.Errorf("%q: got %v, want an error that begins with %q", text, lines, config+want)
		}
		_, _, stderr := outcome(t, throng(t, "serve", "--check", "--config", config))
		if strings.TrimSpace(stderr) != "throng: "+got {
			t.Errorf("%q: got the error %q, and --check has %q", text, got, stderr)
		}
	}
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	l.signal(t, syscall.SIGHUP)
	if got := l.reloadLines(t)[0]["error"].(string); !strings.HasPrefix(got, "config file: open "+config) {
		t.Errorf("a missing file: got %q", got)
	}
	write("rate = 60\n[[room]]\npattern = 'x'\n")
	if got := l.reloadLines(t)[0]; got["changed"] != "" {
		t.Errorf("got %v, want the settings of the first reload still in use", got)
	}
	l.answers(t)
	l.signal(t, syscall.SIGTERM)
	if code := l.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}

// A server that found its file by itself does not take the defaults when the file is gone for a moment.
func TestAReloadReadsTheFileOfTheStart(t *testing.T) {
	t.Parallel()
	cmd := throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off")
	file := filepath.Join(cmd.Dir, "throng.toml")
	if err := os.WriteFile(file, []byte("rooms = 'closed'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := runLogged(t, cmd)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l.signal(t, syscall.SIGHUP)
	if got, _ := l.reloadLines(t)[0]["error"].(string); !strings.HasPrefix(got, "config file: open ") {
		t.Errorf("got %q, want an error about the missing file", got)
	}
}

// With Type=notify-reload, systemd waits for these messages.
func TestTheServiceManagerIsNotified(t *testing.T) {
	t.Parallel()
	cmd := throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off")
	address := filepath.Join(cmd.Dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	next := func() string {
		t.Helper()
		b := make([]byte, 1024)
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+address)
	l := runLogged(t, cmd)
	if got := next(); got != "READY=1" {
		t.Errorf("got %q at the start", got)
	}
	l.signal(t, syscall.SIGHUP)
	if got := next(); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\n$`).MatchString(got) {
		t.Errorf("got %q at the begin of a reload", got)
	}
	if got := next(); got != "READY=1" {
		t.Errorf("got %q at the end of a reload", got)
	}
	l.signal(t, syscall.SIGTERM)
	if got := next(); got != "STOPPING=1" {
		t.Errorf("got %q at the stop", got)
	}
	if code := l.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}

// A reload without a change changes nothing, also if the file and its paths are relative. A broken certificate is an error.
func TestAReloadReadsRelativePathsAgain(t *testing.T) {
	t.Parallel()
	cmd := throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off")
	cert, key := filepath.Join(cmd.Dir, "a.crt"), filepath.Join(cmd.Dir, "a.key")
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotAfter: time.Now().AddDate(0, 0, 1), DNSNames: []string{"localhost"}}, nil)
	const config = "tls-listen = '127.0.0.1:0'\n[tls]\ncert = 'a.crt'\nkey = 'a.key'\n"
	if err := os.WriteFile(filepath.Join(cmd.Dir, "throng.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l := runLogged(t, cmd)
	l.signal(t, syscall.SIGHUP)
	if got := l.reloadLines(t); len(got) != 1 || got[0]["msg"] != "settings reloaded" {
		t.Errorf("got %v, want a reload without a change", got)
	}
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.signal(t, syscall.SIGHUP)
	if got, _ := l.reloadLines(t)[0]["error"].(string); !strings.Contains(got, "a.key") {
		t.Errorf("got error %q, want one that names the file of the key", got)
	}
}
