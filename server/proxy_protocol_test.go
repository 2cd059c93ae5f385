package server

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/metrics"
)

const (
	proxyAddress   = "127.0.0.9" // the trusted proxy of these tests
	anotherAddress = "127.0.0.8"
)

// behindProxies configures a plain and a TLS port, which both require the PROXY protocol from proxyAddress.
func behindProxies(t testing.TB, engine string, change func(*Config)) func(*Config) {
	t.Helper()
	configure := withTLS(t)
	return func(c *Config) {
		configure(c)
		c.TrustedProxies, c.ProxyProtocol, c.Guests, c.TLS.Engine = []string{proxyAddress}, "on", "on", engine
		if change != nil {
			change(c)
		}
	}
}

// startBehindProxies runs a server with behindProxies.
func startBehindProxies(t testing.TB, engine string, change func(*Config)) *Server {
	t.Helper()
	return startServer(t, behindProxies(t, engine, change))
}

// headerOf returns the header of a version for a client.
func headerOf(t testing.TB, version byte, client string) string {
	t.Helper()
	at, err := netip.ParseAddrPort(client)
	if err != nil {
		t.Fatal(err)
	}
	to := "192.0.2.1:443"
	if at.Addr().Is6() {
		to = "[2001:db8::443]:443"
	}
	b, err := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(at), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(to))).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dialFrom connects to an address of the server from a local address.
func dialFrom(t testing.TB, from string, to net.Addr) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// sendParts writes the parts, each in a segment of its own.
func sendParts(t testing.TB, conn net.Conn, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatalf("write %q: %v", part, err)
		}
	}
}

// sendInPieces writes bytes so that the connection is pending before the second one arrives.
func sendInPieces(t testing.TB, s *Server, conn net.Conn, b string) {
	t.Helper()
	before := s.edge.Pending.Count()
	sendParts(t, conn, b[:1])
	eventually(t, "the connection to be pending", func() bool { return s.edge.Pending.Count() > before })
	sendParts(t, conn, strings.Split(b[1:], "")...)
}

// upgrade sends a handshake with more lines and returns the status of the response; 0 for the end of the connection.
func upgrade(t testing.TB, conn net.Conn, lines string) int {
	t.Helper()
	request := strings.Replace(upgradeRequest("localhost", edge.RoomPath), "\r\n\r\n", "\r\n"+lines+"\r\n", 1)
	if _, err := io.WriteString(conn, request); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

// peersOf returns the addresses in the list of connections.
func peersOf(t testing.TB, s *Server) (addresses []string) {
	t.Helper()
	var page struct{ Connections []admin.Connection }
	getJSON(t, s, "/connections", &page)
	for _, c := range page.Connections {
		addresses = append(addresses, c.Address)
	}
	return addresses
}

// secured returns conn, or with useTLS a TLS client over it.
func secured(conn net.Conn, useTLS bool) net.Conn {
	if useTLS {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	return conn
}

// The connection is one of the client that the header names: at once, in pieces, on both ports, with both engines.
func TestTheProxyHeaderNamesTheClient(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"llib", "std"} {
		s := startBehindProxies(t, engine, nil)
		for _, useTLS := range []bool{false, true} {
			to := s.Addr()
			if useTLS {
				to = s.TLSAddr()
			}
			for version := byte(1); version <= 2; version++ {
				for _, client := range []string{"198.51.100.7:4711", "[2001:db8:1:2:3:4:5:6]:4711"} {
					header := headerOf(t, version, client)
					for _, whole := range []bool{true, false} {
						conn := dialFrom(t, proxyAddress, to)
						if whole {
							sendParts(t, conn, header)
						} else {
							sendInPieces(t, s, conn, header)
						}
						if got := upgrade(t, secured(conn, useTLS), "X-Forwarded-For: 203.0.113.1\r\n"); got != http.StatusSwitchingProtocols {
							t.Fatalf("%s, TLS %v, version %d, whole %v: got %d, want 101", engine, useTLS, version, whole, got)
						}
						if got := peersOf(t, s); len(got) != 1 || got[0] != client {
							t.Errorf("%s, TLS %v, version %d, whole %v: got %v, want %s", engine, useTLS, version, whole, got, client)
						}
						s.sessions.AbortAll()
						eventually(t, "the connection to end", func() bool { return socketsOf(s) == 0 })
					}
				}
			}
		}
	}
}

// The header and the handshake may arrive together: then no goroutine waits for them.
func TestAProxyHeaderAndAHandshakeInOneSegment(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", nil)
	conn := dialFrom(t, proxyAddress, s.Addr())
	sendParts(t, conn, headerOf(t, 2, "198.51.100.7:4711")+upgradeRequest("localhost", edge.RoomPath))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v; want 101", resp, err)
	}
	if got := peersOf(t, s); len(got) != 1 || got[0] != "198.51.100.7:4711" {
		t.Errorf("got %v, want the address in the header", got)
	}
}

// X-Forwarded-For counts only if the client in the header is a trusted proxy: it must not be able to name another client.
func TestXForwardedForBehindAProxyHeader(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", func(c *Config) { c.TrustedProxies = append(c.TrustedProxies, "198.51.100.0/24") })
	for client, want := range map[string]string{"203.0.113.5:4711": "203.0.113.5:4711", "198.51.100.7:4711": "203.0.113.1"} {
		conn := dialFrom(t, proxyAddress, s.Addr())
		sendParts(t, conn, headerOf(t, 2, client))
		if got := upgrade(t, conn, "X-Forwarded-For: 203.0.113.1\r\n"); got != http.StatusSwitchingProtocols {
			t.Fatalf("%s: got %d, want 101", client, got)
		}
		if got := peersOf(t, s); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %v, want %s", client, got, want)
		}
		s.sessions.AbortAll()
		eventually(t, "the connection to end", func() bool { return socketsOf(s) == 0 })
	}
}

// A health check of the proxy, and a client that it does not know, keep the address of the socket.
func TestAProxyHeaderOfTheProxyItself(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", nil)
	local, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}).Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{string(local), "PROXY UNKNOWN\r\n"} {
		conn := dialFrom(t, proxyAddress, s.Addr())
		sendParts(t, conn, header)
		if got := upgrade(t, conn, ""); got != http.StatusSwitchingProtocols {
			t.Fatalf("%q: got %d, want 101", header, got)
		}
		if got := peersOf(t, s); len(got) != 1 || got[0] != conn.LocalAddr().String() {
			t.Errorf("%q: got %v, want %v", header, got, conn.LocalAddr())
		}
		conn.Close()
		eventually(t, "the connection to end", func() bool { return socketsOf(s) == 0 })
	}
	dialFrom(t, proxyAddress, s.Addr()).Close() // a check that sends nothing is no fault
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeProxyHeader); got != 0 {
		t.Errorf("counted %v faults of the PROXY protocol, want 0", got)
	}
}

// The limits of addresses are those of the client in the header: also before TLS and before a head.
func TestLimitsOfTheClientInAProxyHeader(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", func(c *Config) { c.MaxConnectionsAddress, c.RateConnectionsAddress = 2, 1 })
	const full = "198.51.100.8:1"
	for i := range 2 {
		conn := dialFrom(t, proxyAddress, s.Addr())
		sendParts(t, conn, headerOf(t, 1, full))
		if got := upgrade(t, conn, ""); got != http.StatusSwitchingProtocols {
			t.Fatalf("number %d: got %d, want 101", i, got)
		}
	}
	for _, whole := range []bool{true, false} {
		conn := dialFrom(t, proxyAddress, s.Addr())
		if whole {
			sendParts(t, conn, headerOf(t, 2, full))
		} else {
			sendInPieces(t, s, conn, headerOf(t, 2, full))
		}
		if got := upgrade(t, conn, ""); got != http.StatusServiceUnavailable {
			t.Errorf("a third one: got %d, want 503", got)
		}
	}
	over := dialFrom(t, proxyAddress, s.TLSAddr())
	sendParts(t, over, headerOf(t, 2, full))
	if got := upgrade(t, secured(over, true), ""); got != 0 {
		t.Errorf("a third one over TLS: got %d, want the end", got)
	}

	for _, whole := range []bool{true, false} {
		for i, rejected := 0, false; !rejected; i++ { // the burst is 10
			if i > 60 {
				t.Fatalf("the rate of the client has no effect, with the whole header at once: %v", whole)
			}
			conn := dialFrom(t, proxyAddress, s.Addr())
			if whole {
				sendParts(t, conn, headerOf(t, 2, "198.51.100.6:1"))
			} else {
				sendInPieces(t, s, conn, headerOf(t, 2, "198.51.100.7:1"))
			}
			got := upgrade(t, conn, "")
			conn.Close()
			eventually(t, "the connection to end", func() bool { return socketsOf(s) == 1 })
			if got != http.StatusSwitchingProtocols && got != http.StatusTooManyRequests {
				t.Fatalf("number %d: got %d, want 101 or 429", i, got)
			}
			rejected = got == http.StatusTooManyRequests
		}
	}
	conn := dialFrom(t, proxyAddress, s.Addr())
	sendParts(t, conn, headerOf(t, 2, "198.51.100.9:1"))
	if got := upgrade(t, conn, ""); got != http.StatusSwitchingProtocols {
		t.Errorf("another client: got %d, want 101", got)
	}
	closeAllAndAwaitAddresses(t, s)
}

// Addresses outside of trusted-proxy use the port as before, and need no header.
func TestOtherPeersNeedNoProxyHeader(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", nil)
	for _, to := range []net.Addr{s.Addr(), s.TLSAddr()} {
		conn := dialFrom(t, anotherAddress, to)
		if got := upgrade(t, secured(conn, to == s.TLSAddr()), "X-Forwarded-For: 203.0.113.1\r\n"); got != http.StatusSwitchingProtocols {
			t.Errorf("%v: got %d, want 101", to, got)
		}
	}
	for _, got := range peersOf(t, s) {
		if !strings.HasPrefix(got, anotherAddress+":") {
			t.Errorf("got %s, want the address of the socket", got)
		}
	}
}

// The port that redirects to TLS requires the header, too.
func TestTheRedirectBehindAProxyHeader(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", func(c *Config) { c.TLS.RedirectPort, c.Hosts = 443, []string{"chat.example"} })
	conn := dialFrom(t, proxyAddress, s.Addr())
	sendParts(t, conn, headerOf(t, 1, "198.51.100.7:4711"), "GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.Header.Get("Location") != "https://chat.example/" {
		t.Errorf("got %v, %v; want a redirect", resp, err)
	}
}
