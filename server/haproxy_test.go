package server

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/metrics"
)

// inherited returns a listener on a free loopback port, and its file for a child process.
func inherited(t *testing.T) (net.Addr, *os.File) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return ln.Addr(), file
}

// HAProxy sends the address of its clients by the PROXY protocol, and checks the server by it: on the plain port, before TLS, and over a Unix
// socket.
func TestHAProxyNamesTheClient(t *testing.T) {
	t.Parallel()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed (Debian, Ubuntu: apt-get install haproxy)")
	}
	overTCP := startBehindProxies(t, "llib", func(c *Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	overUnix, path := startUnix(t, func(c *Config) { c.TrustedProxies, c.ProxyProtocol = []string{"unix"}, "listen" })
	servers := []struct {
		line   string
		s      *Server
		useTLS bool
	}{
		{fmt.Sprintf("%s send-proxy", overTCP.Addr()), overTCP, false},
		{fmt.Sprintf("%s send-proxy-v2", overTCP.Addr()), overTCP, false},
		{fmt.Sprintf("%s send-proxy-v2 check-ssl verify none", overTCP.TLSAddr()), overTCP, true},
		{fmt.Sprintf("%s send-proxy-v2-ssl-cn check-ssl verify none", overTCP.TLSAddr()), overTCP, true},
		{fmt.Sprintf("unix@%s send-proxy-v2", path), overUnix, false},
	}
	// A check may take as long as inter; fastinter is the time between the checks until the server is known to be up.
	config := "defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n timeout check 60s\n"
	addresses := make([]net.Addr, len(servers))
	command := exec.Command(haproxy, "-db", "-f", filepath.Join(t.TempDir(), "haproxy.cfg"))
	for i, to := range servers {
		var file *os.File
		addresses[i], file = inherited(t)
		command.ExtraFiles = append(command.ExtraFiles, file)
		config += fmt.Sprintf("listen proxy%d\n bind fd@%d\n server throng %s check inter 60s fastinter 100ms fall 1000\n", i, 3+i, to.line)
	}
	if err := os.WriteFile(command.Args[3], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	end := time.AfterFunc(testTimeout, func() { _ = command.Process.Kill() }) // an error means that it has ended
	defer end.Stop()

	for i, to := range servers {
		conn := dialFrom(t, "127.0.0.7", addresses[i])
		if got := upgrade(t, secured(conn, to.useTLS), ""); got != http.StatusSwitchingProtocols {
			t.Errorf("%s: got %d, want 101", to.line, got)
		}
		if got, want := strings.Join(peersOf(t, to.s), " "), conn.LocalAddr().String(); got != want {
			t.Errorf("%s: got the clients %s, want %s", to.line, got, want)
		}
		conn.Close()
		eventually(t, "the connection to end", func() bool { return to.s.sessions.Live.Load() == 0 })
	}
	for _, s := range []*Server{overTCP, overUnix} {
		if got := value(t, s, "throng_handshakes_total", metrics.HandshakeProxyHeader); got != 0 {
			t.Errorf("%v faults of the PROXY protocol, want 0", got)
		}
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); strings.Contains(log.String(), "ALERT") {
		t.Errorf("%v: want no alert in the log:\n%s", err, log.String())
	}
}
