package server

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
)

// A bad header, none at all and one of an unknown peer are rejected, counted, and logged with what to do.
func TestFaultsOfTheProxyProtocol(t *testing.T) {
	t.Parallel()
	good := headerOf(t, 1, "198.51.100.7:4711")
	request := upgradeRequest("localhost", edge.RoomPath)
	for _, tt := range []struct {
		name, from, send, setting, log string
		peer                           string // in the log; "" for from
	}{
		{name: "no header", from: proxyAddress, send: request, setting: "on", log: "turn the PROXY protocol on"},
		{name: "a hello of TLS", from: proxyAddress, send: "\x16\x03\x01\x02\x00", setting: "on", log: "turn the PROXY protocol on"},
		{name: "a bad header", from: proxyAddress, send: "PROXY TCP5 198.51.100.7 192.0.2.1 1 2\r\n" + request, setting: "on", log: "check what the proxy sends"},
		{name: "107 bytes without an end", from: proxyAddress, send: "PROXY UNKNOWN " + strings.Repeat("x", 200), setting: "on", log: "107 bytes"},
		{name: "65,535 bytes", from: proxyAddress, send: string(proxyproto.SIGV2) + "\x21\x11\xff\xff", setting: "on", log: "65535 bytes"},
		{name: "two headers", from: proxyAddress, peer: "198.51.100.7", send: good + good + request, setting: "on", log: "only one proxy may send a header"},
		{name: "another address", from: anotherAddress, send: good + request, setting: "on", log: "add its address to trusted-proxy"},
		{name: "another address, version 2", from: anotherAddress, send: headerOf(t, 2, "198.51.100.7:4711") + request, setting: "on", log: "add its address to trusted-proxy"},
		{name: "off", from: proxyAddress, send: good + request, setting: "off", log: "set proxy-protocol for this port"},
		{name: "on for the other port", from: proxyAddress, send: good + request, setting: "tls-listen", log: "set proxy-protocol for this port"},
	} {
		logs := &testkit.LogBuffer{}
		s := startLogging(t, logs, behindProxies(t, "llib", func(c *Config) { c.ProxyProtocol = tt.setting }), func(*Server) {})
		conn := dialFrom(t, tt.from, s.Addr())
		sendParts(t, conn, tt.send)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %v, %v; want 400", tt.name, resp, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(body), "PROXY protocol header") {
			t.Errorf("%s: got %q, %v; want the reason", tt.name, body, err)
		}
		if got := value(t, s, "throng_handshakes_total", metrics.HandshakeProxyHeader); got != 1 {
			t.Errorf("%s: counted %v, want 1", tt.name, got)
		}
		eventually(t, fmt.Sprintf("%s: the log %q", tt.name, tt.log), func() bool {
			return strings.Contains(logs.String(), tt.log) && strings.Contains(logs.String(), "peer="+cmp.Or(tt.peer, tt.from))
		})
	}
}

// The TLS port rejects the same faults, without a response that the client could not read. The next connection is served.
func TestFaultsOfTheProxyProtocolBeforeTLS(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", nil)
	good := headerOf(t, 2, "198.51.100.7:4711")
	for i, tt := range []struct{ from, header string }{
		{proxyAddress, ""},     // a hello without a header
		{proxyAddress, "GET "}, // not even that
		{proxyAddress, good[:20] + "\xff"},
		{proxyAddress, good + good},
		{anotherAddress, good},
	} {
		conn := dialFrom(t, tt.from, s.TLSAddr())
		sendParts(t, conn, tt.header)
		err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake()
		if err == nil || errors.As(err, new(net.Error)) && err.(net.Error).Timeout() {
			t.Errorf("number %d: got %v, want the end of the connection", i, err)
		}
	}
	eventually(t, "the faults to be counted", func() bool {
		return value(t, s, "throng_handshakes_total", metrics.HandshakeProxyHeader) == 4 && value(t, s, "throng_handshakes_total", metrics.HandshakeTLS) == 1
	})
	conn := dialFrom(t, proxyAddress, s.TLSAddr())
	sendParts(t, conn, good)
	if got := upgrade(t, secured(conn, true), ""); got != http.StatusSwitchingProtocols {
		t.Errorf("got %d, want 101", got)
	}
}

// A connection whose header does not end is pending: it is bounded in number and in time, and counts for no address.
func TestUnfinishedProxyHeadersArePending(t *testing.T) {
	t.Parallel()
	s := startBehindProxies(t, "llib", func(c *Config) { c.MaxConnectionsAddress, c.MaxConnections = 1, 100 })
	half := headerOf(t, 2, "198.51.100.7:4711")[:20]
	for range 60 { // above edge.MaxPendingAddress, edge.MinSockets and max-connections-address
		sendParts(t, dialFrom(t, proxyAddress, s.Addr()), half)
	}
	const most = edge.MinSockets + 4
	eventually(t, "those above the limit to be evicted", func() bool {
		return lateOrEvicted(t, s) >= 60-most
	})
	if got := s.edge.Pending.Count(); got > most {
		t.Errorf("%d are pending, want %d at most", got, most)
	}
	conn := dialFrom(t, proxyAddress, s.Addr())
	sendParts(t, conn, headerOf(t, 2, "198.51.100.7:4711"))
	if got := upgrade(t, conn, ""); got != http.StatusSwitchingProtocols {
		t.Errorf("beside them: got %d, want 101", got)
	}
	s.edge.Pending.Expire(time.Now().Add(edge.HeadTimeout + time.Second))
	if got := s.edge.Pending.Count(); got != 0 {
		t.Errorf("%d are pending after their time, want 0", got)
	}
}
