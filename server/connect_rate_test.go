package server

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
)

// Connects are expensive for other clients, so the rate of an address is limited for all kinds of requests.
func TestNewConnectionsOfAnAddressAreLimited(t *testing.T) {
	plainOnly(t, "a rejected TLS connection gets no response: TestLimitsOfAnAddressHoldBeforeTLS")
	t.Parallel()
	s := startPrepared(t, func(c *Config) { c.RateConnectionsAddress = 1 }, func(s *Server) {
		s.edge.ConnectRate.Exempt = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
	})
	upgrade := upgradeRequest("localhost", chat.SessionPath)
	for i := range 10 {
		conn, _, resp := statusFrom(t, s, "127.0.0.2", upgrade)
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("number %d: got %s, want 101: the burst is that of ten seconds", i, resp.Status)
		}
		conn.Close()
	}
	refused := 0
	for i := range 20 {
		request := []string{upgrade, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"}[i%2]
		conn, _, resp := statusFrom(t, s, "127.0.0.2", request)
		conn.Close()
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "" {
			refused++
		}
	}
	if refused == 0 {
		t.Error("30 connections at once were accepted, want 429")
	}
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeRate); int(got) != refused {
		t.Errorf("got %v counted, want %d", got, refused)
	}
	for range 12 {
		dial(t, s, "lobby").conn.Close()
	}
	if _, _, resp := statusFrom(t, s, "127.0.0.3", upgrade); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("another address: got %s, want 101", resp.Status)
	}
}

// Each client of a proxy has its own rate, and the proxy has none.
func TestNewConnectionsOfAProxyCountForItsClients(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.RateConnectionsAddress, c.TrustedProxies, c.Guests = 1, []string{"127.0.0.9"}, "on"
	})
	refused := 0
	for range 30 {
		if by(t, s, "127.0.0.9", "198.51.100.7") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || refused > 20 {
		t.Errorf("got %d of 30 rejected, want 1 to 20", refused)
	}
	for i := range 12 { // other clients of the proxy, and the proxy itself
		if got := by(t, s, "127.0.0.9", "198.51.100."+strings.Repeat("1", i%2+1)); got != http.StatusSwitchingProtocols {
			t.Errorf("another: got %d, want 101", got)
		}
		if got := by(t, s, "127.0.0.9", ""); got != http.StatusSwitchingProtocols {
			t.Errorf("the proxy: got %d, want 101", got)
		}
	}
}
