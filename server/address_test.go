package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// by connects from an address with X-Forwarded-For, and returns the status of the response.
func by(t *testing.T, s *Server, from, forwarded string) int {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialPublic(&d, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := strings.Replace(upgradeRequest(s.Addr().String(), chat.SessionPath), "\r\n\r\n", "\r\nX-Forwarded-For: "+forwarded+"\r\n\r\n", 1)
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // a session without a connect command would become stale on a slow machine
		if _, err := conn.Write(ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte(`{"id":1,"connect":{}}`))); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// X-Forwarded-For spoofing: a client can neither appear as many addresses nor use up the limit of another address.
func TestXForwardedForOfAnUntrustedPeerIsIgnored(t *testing.T) {
	plainOnly(t, "a rejected TLS connection gets no response: TestLimitsOfAnAddressHoldBeforeTLS")
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnectionsAddress, c.TrustedProxies, c.Guests = 3, []string{"127.0.0.9"}, "on" })
	for i := range 3 {
		if got := by(t, s, "127.0.0.2", fmt.Sprintf("198.51.100.%d", i)); got != http.StatusSwitchingProtocols {
			t.Fatalf("number %d: got %d, want 101", i, got)
		}
	}
	for i := range 1000 {
		if got := by(t, s, "127.0.0.2", fmt.Sprintf("198.51.%d.%d", i/250, i%250)); got != http.StatusServiceUnavailable {
			t.Fatalf("spoofed value %d: got %d, want 503", i, got)
		}
	}
	for i := range 3 { // the limits of the forged addresses are unused
		if got := by(t, s, "127.0.0.9", "198.51.100.0"); got != http.StatusSwitchingProtocols {
			t.Errorf("number %d of a victim: got %d, want 101", i, got)
		}
	}
}

func TestEachClientOfAProxyHasItsOwnLimits(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.MaxConnectionsAddress, c.TrustedProxies, c.Guests = 1, []string{"127.0.0.0/8"}, "on"
	})
	for _, from := range []string{"198.51.100.1", "198.51.100.2"} {
		if got := by(t, s, "127.0.0.2", from); got != http.StatusSwitchingProtocols {
			t.Errorf("%s: got %d, want 101", from, got)
		}
		if got := by(t, s, "127.0.0.3", from); got != http.StatusServiceUnavailable {
			t.Errorf("%s again: got %d, want 503", from, got)
		}
	}
	var page struct{ Connections []admin.Connection }
	getJSON(t, s, "/connections", &page)
	got := map[string]bool{}
	for _, c := range page.Connections {
		got[c.Address] = true
	}
	if len(got) != 2 || !got["198.51.100.1"] || !got["198.51.100.2"] {
		t.Errorf("got connections of %v, want those of the clients of the proxy", got)
	}
	closeAllAndAwaitAddresses(t, s)
}

// A proxy on this machine can have clients on any machine.
func TestGuestsThroughAProxyNeedGuestsOn(t *testing.T) {
	cfg := DefaultConfig()
	if !cfg.guestsAllowed() {
		t.Fatal("guests are off on a loopback address, want on")
	}
	cfg.TrustedProxies = []string{"127.0.0.1"}
	if cfg.guestsAllowed() {
		t.Error("guests are on with a trusted proxy, want off")
	}
	cfg.Guests = "on"
	if !cfg.guestsAllowed() {
		t.Error("guests are off, want on as set")
	}
}

// closeAllAndAwaitAddresses closes all connections and waits until no address is counted.
func closeAllAndAwaitAddresses(t *testing.T, s *Server) {
	t.Helper()
	s.sessions.AbortAll()
	eventually(t, "the addresses to be removed", func() bool {
		s.sessions.AddressesMu.Lock()
		defer s.sessions.AddressesMu.Unlock()
		return len(s.sessions.Addresses) == 0
	})
}
