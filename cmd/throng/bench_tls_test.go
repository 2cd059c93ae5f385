//go:build !race

package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/testkit"
)

// certificateFiles writes a certificate for the loopback address, and a config file of a server that uses it.
func certificateFiles(t *testing.T) (cert, key, config string) {
	t.Helper()
	dir := t.TempDir()
	cert, key, config = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "tls.toml")
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotAfter: time.Now().Add(30 * 24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, nil)
	if err := os.WriteFile(config, fmt.Appendf(nil, "rate = 0\n[tls]\ncert = %q\nkey = %q\n", cert, key), 0o600); err != nil {
		t.Fatal(err)
	}
	return cert, key, config
}

func TestBenchSpeaksTLSWithOurServer(t *testing.T) {
	t.Parallel()
	cert, _, config := certificateFiles(t)
	ready, stop := serve(t, throng(t, "serve", "--config", config, "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--admin", "off"))
	defer stop(syscall.SIGTERM)
	address, ok := ready["tls_listen"].(string)
	if !ok {
		t.Fatalf("got %v, want an address of TLS", ready)
	}
	url := "wss://" + address + "/ws"
	code, stdout, stderr := outcome(t, throng(t, "bench", "broadcast", url, "--ca", cert, "--connections", "60", "--rate", "50", "--duration", "1s", "--warmup", "0s", "--json"))
	if code != 0 && code != exitInvalid {
		t.Fatalf("got exit %d: %s", code, stderr)
	}
	r, err := result.Read(strings.NewReader(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if r.Delivery.Any() || r.Sent.Messages == 0 || r.Delivery.Got != 60*r.Sent.Messages || r.Connect.TLS == nil || r.Connect.TLS.Count != 60 || !strings.HasPrefix(r.Target.TLS, "TLS 1.3, ") {
		t.Errorf("got %+v, %+v, %+v", r.Delivery, r.Connect, r.Target)
	}
	if r.Floor == nil && len(r.Notes) == 0 {
		t.Error("got no floor, and no note why")
	}

	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"bench", "connect", url}, exitFailed, "use --ca FILE"},
		{[]string{"bench", "connect", "ws" + strings.TrimPrefix(url, "wss"), "--insecure"}, exitUsage, "wss://"},
		{[]string{"bench", "connect", url, "--ca", cert + ".none"}, exitUsage, "ca: "},
		{[]string{"bench", "connect", url, "--cert", cert}, exitUsage, "key: missing"},
		{[]string{"bench", "ladder", url, "--insecure", "--rates", "10", "--connections", "10", "--duration", "500ms", "--warmup", "0s", "--no-floor"}, 0, ""},
		{[]string{"doctor", "--connections", "10", "--url", url}, exitWillStop, "cannot connect to the server"},
		{[]string{"doctor", "--connections", "10", "--url", "ws://" + address}, exitUsage, "wss://"},
		{[]string{"doctor", "--connections", "10", "--insecure"}, exitUsage, "--url"},
		{[]string{"doctor", "--connections", "10", "--url", url, "--ca", cert + ".none"}, exitUsage, "ca: "},
	} {
		code, stdout, stderr := outcome(t, throng(t, tt.args...))
		if code != tt.code && !(tt.code == 0 && code == exitInvalid) || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: got exit %d: %s%s, want %d and %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}

	code, stdout, stderr = outcome(t, throng(t, "doctor", "--connections", "10", "--url", url, "--ca", cert, "--json"))
	var report struct {
		Server struct{ Grade, Agreed, Names string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 || report.Server.Grade != "OK" || report.Server.Names != "127.0.0.1" {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
}

// A command listens with TLS where it has {{tls-address}}, so a server with TLS can be compared with one without.
func TestABMeasuresTLSBesidePlain(t *testing.T) {
	t.Parallel()
	cert, _, config := certificateFiles(t)
	command := "env " + asThrong + "=1 " + os.Args[0] + " serve --admin off --rate 0"
	code, stdout, stderr := outcome(t, throng(t, "bench", "ab", "--a", command+" --listen {{address}}", "--b", command+" --config "+config+" --listen 127.0.0.1:0 --tls-listen {{tls-address}}",
		"--ca", cert, "--pairs", "2", "--connections", "20", "--duration", "500ms", "--warmup", "0s", "--metric", "connect-p50"))
	if code != 0 || strings.Count(stderr, "pair ") != 4 {
		t.Errorf("got exit %d: %s%s", code, stdout, stderr)
	}
	code, _, stderr = outcome(t, throng(t, "bench", "ab", "--a", "serve {{address}} {{tls-address}}", "--b", "wss://127.0.0.1:1", "--insecure"))
	if code != exitUsage || !strings.Contains(stderr, "{{tls-address}}") || strings.Contains(stderr, "wss://127") {
		t.Errorf("got exit %d: %s", code, stderr)
	}
}

func TestCAAndInsecureExcludeEachOther(t *testing.T) {
	t.Parallel()
	code, _, stderr := outcome(t, throng(t, "bench", "broadcast", "wss://127.0.0.1:1/ws", "--insecure", "--ca", written(t, "x")))
	if code != exitUsage || !strings.Contains(stderr, "--ca has no effect") {
		t.Errorf("got exit %d and %q, want %d and the two flags", code, stderr, exitUsage)
	}
}

// The last line of CLIENT-LIMITED does not contradict the cause in the result.
func TestTheErrorOfClientLimitedHasTheCause(t *testing.T) {
	t.Parallel()
	for want, why := range map[string][]string{
		"CLIENT-LIMITED: cause: other programs: stop them": {"send delay", "cause: other programs: stop them"},
		"CLIENT-LIMITED: lower --rate":                     nil,
	} {
		err := verdictError(&result.Result{Verdict: result.Verdict{Code: result.Limited, Why: why}})
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "lower --rate") != (why == nil) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A rejection shows the advice of the server.
func TestARejectionShowsTheAdviceOfTheServer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this port redirects: use wss://chat.example\nmore", http.StatusForbidden)
	}))
	defer srv.Close()
	_, _, stderr := outcome(t, throng(t, "bench", "broadcast", "ws"+strings.TrimPrefix(srv.URL, "http")+"/ws", "--connections", "2", "--duration", "1s"))
	if want := "2 × rejected by the server: HTTP 403 Forbidden: this port redirects: use wss://chat.example"; !strings.Contains(stderr, want) || strings.Contains(stderr, "more") {
		t.Errorf("got %q, want %q", stderr, want)
	}
}
