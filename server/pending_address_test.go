package server

import (
	"bufio"
	"container/list"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/limiter"
)

// sendFrom connects from an address and sends a request, or the beginning of one.
func sendFrom(t *testing.T, s *Server, ip, request string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	conn, err := dialPublic(&d, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// statusFrom sends a request from an address and returns the response.
func statusFrom(t *testing.T, s *Server, ip, request string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn := sendFrom(t, s, ip, request)
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	return conn, reader, resp
}

// --max-connections-address counts connections in every state: waiting for a head, responding, idle, and in the event loop.
func TestEveryPendingConnectionCountsForItsAddress(t *testing.T) {
	plainOnly(t, "a rejected TLS connection gets no response: TestLimitsOfAnAddressHoldBeforeTLS")
	t.Parallel()
	const page = "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
	upgrade := upgradeRequest("localhost", edge.RoomPath)
	s := startServer(t, func(c *Config) { c.MaxConnectionsAddress = 2 })
	full := func(what, ip string) (all bool) {
		all = true
		for _, request := range []string{page, upgrade} {
			conn, _, resp := statusFrom(t, s, ip, request)
			conn.Close()
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Logf("%s: got %s, Retry-After %q; want 503 with one", what, resp.Status, resp.Header.Get("Retry-After"))
				all = false
			}
		}
		return all
	}
	conns := func(ip string) int {
		s.sessions.AddressesMu.Lock()
		defer s.sessions.AddressesMu.Unlock()
		if a := s.sessions.Addresses[limiter.AddressKey(netip.MustParseAddr(ip))]; a != nil {
			return a.Conns
		}
		return 0
	}
	h := s.edge.Pending
	// held tests connections that the server keeps only for a moment. If the machine was too slow, it repeats the test.
	held := func(what, ip, request string, in *list.List) {
		t.Helper()
		for {
			started := time.Now()
			for range 2 {
				defer dialSmall(t, s, ip, request).Close()
			}
			eventually(t, "both to count", func() bool { return conns(ip) == 2 && h.Length(in) == 2 })
			if full(what, ip) {
				break
			}
			if time.Since(started) < edge.GuestTimeout {
				t.Fatalf("%s do not count", what)
			}
			eventually(t, "them to be removed", func() bool { return conns(ip) == 0 && h.Length(in) == 0 })
		}
		eventually(t, "them to be removed", func() bool { return conns(ip) == 0 && h.Length(in) == 0 })
	}
	held("heads unread", "127.0.0.2", "GET /ws HTTP/1.1\r\n", h.Waiting)
	held("requests being answered", "127.0.0.3", "POST "+edge.GuestPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", h.Responding)

	statusFrom(t, s, "127.0.0.4", upgrade)
	statusFrom(t, s, "127.0.0.4", upgrade)
	if !full("in the loop", "127.0.0.4") {
		t.Error("connections of the event loop do not count")
	}

	// Idle connections are evicted, without a reset.
	_, reader, _ := statusFrom(t, s, "127.0.0.5", page)
	eventually(t, "the oldest to be idle", func() bool { return h.Length(h.Idle) == 1 })
	statusFrom(t, s, "127.0.0.5", page)
	eventually(t, "both to be idle", func() bool { return h.Length(h.Idle) == 2 })
	if _, _, resp := statusFrom(t, s, "127.0.0.5", upgrade); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("got %s, want 101: an idle connection is evicted", resp.Status)
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest idle connection: got %v, want the end", err)
	}
	if got := conns("127.0.0.5"); got != 2 {
		t.Errorf("got %d counted, want 2", got)
	}
}

// A handshake after another request keeps the count of its connection.
func TestAHandshakeOnAnIdleConnectionCountsOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnectionsAddress = 1 })
	conn, reader, _ := statusFrom(t, s, "127.0.0.2", "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.WriteString(conn, upgradeRequest("localhost", edge.RoomPath)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(reader, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v; want 101", resp, err)
	}
	conn.Close()
	eventually(t, "it to be removed", func() bool { return socketsOf(s) == 0 })
}
