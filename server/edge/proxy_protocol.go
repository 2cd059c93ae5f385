package edge

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/proxyheader"
)

// The PROXY protocol on the public port. A trusted proxy sends a header before all other bytes of a connection, also before those of TLS. From
// then on the connection is one of the client in that header, as if the client had connected itself: for the limits of addresses, for
// X-Forwarded-For and in the list of connections. Until then it is pending, under the same bounds as one without a head.

// textNoProxyHeader is the reason that a proxy gets.
const textNoProxyHeader = "this port needs a valid PROXY protocol header from your address: see the setting proxy-protocol"

// errUnexpectedHeader is the fault of a header where none is accepted.
var errUnexpectedHeader = errors.New("unexpected PROXY protocol header")

// proxyHeaders handles the PROXY protocol headers of one port. It is constant. Any goroutine may use it.
type proxyHeaders struct {
	edge     *Edge
	log      *slog.Logger
	logLimit rate.Sometimes
	required bool // from trusted proxies; other peers may send none
	overTLS  bool // the port speaks TLS, so its peers could not read a response
}

// awaits reports whether the first bytes of a connection from peer must be a header.
func (ph *proxyHeaders) awaits(peer netip.Addr) bool {
	return ph.required && ph.edge.proxies.trusted(peer)
}

// parse parses the header at the beginning of the bytes that a connection of peer has sent. It returns the peer after that, and the bytes
// behind the header. ok is false if the header is incomplete or invalid: read handles both.
func (ph *proxyHeaders) parse(peer netip.AddrPort, sent []byte) (_ netip.AddrPort, behind []byte, ok bool) {
	h, n, err := proxyheader.Parse(sent)
	switch {
	case err != nil:
		return peer, sent, false
	case !h.Own:
		peer = h.Client
	}
	return peer, sent[n:], true
}

// read reads the header of c and gives c the address of the client. It returns false, and closes c, if that fails, or if the client may not
// connect. Pending bounds the time. The bytes behind the header are in ReadAhead.
func (ph *proxyHeaders) read(c *PendingConn) bool {
	h, err := c.readProxyHeader()
	switch {
	case err == nil && h.Own:
		return true
	case err == nil:
		return ph.setClient(c, h.Client)
	case errors.Is(err, errSocketEnded):
		ph.edge.Pending.close(c) // by a proxy that only checks whether it can connect, or by an eviction, which is counted
	default:
		ph.reject(c, textNoProxyHeader, err)
	}
	return false
}

// setClient gives c, which counted for no address, the address of its client. It returns false, and closes c, if the client may not connect.
func (ph *proxyHeaders) setClient(c *PendingConn, client netip.AddrPort) bool {
	e := ph.edge
	c.peer, c.remote = client.Addr(), client
	if !e.mayConnect(c.peer) {
		ph.respond(c, metrics.HandshakeRate, responseConnectRate)
		return false
	}
	address := e.addressOf(c.peer)
	source, ok := e.reserveSocket(address)
	if !ok {
		ph.respond(c, metrics.HandshakeFull, responseAddressFull)
		return false
	}
	e.Pending.setAddress(c, address, source)
	return true
}

// reject rejects a connection because of its header, or because it has none. The peer gets the reason, the log the fault.
func (ph *proxyHeaders) reject(c *PendingConn, reason string, fault error) {
	ph.logLimit.Do(func() {
		ph.log.Warn("connection rejected because of the PROXY protocol", "error", fault, "peer", c.RemoteAddr().String(), "advice", ph.advice(c, fault))
	})
	ph.respond(c, metrics.HandshakeProxyHeader, badRequest(reason))
}

// respond counts a connection as rejected, sends a response unless the peer expects TLS, and closes the connection.
func (ph *proxyHeaders) respond(c *PendingConn, result string, response []byte) {
	ph.edge.metrics.Handshakes.WithLabelValues(result).Inc()
	if !ph.overTLS {
		if err := c.rejectWith(string(response)); err != nil && !errors.Is(err, net.ErrClosed) {
			ph.log.Debug("response to a pending connection not sent", "error", err)
		}
	}
	ph.edge.Pending.close(c)
}

// advice returns what an operator can do about a fault.
func (ph *proxyHeaders) advice(c *PendingConn, fault error) string {
	switch {
	case c.proxied:
		return "only one proxy may send a header: let the others send X-Forwarded-For"
	case !ph.edge.proxies.trusted(c.peer):
		return "if this is your proxy, add its address to trusted-proxy"
	case !ph.required:
		return "set proxy-protocol for this port, or turn the PROXY protocol off in the proxy"
	case errors.Is(fault, proxyheader.ErrMissing):
		return "turn the PROXY protocol on in the proxy (HAProxy: send-proxy-v2; nginx: proxy_protocol on), or off for this port by proxy-protocol"
	}
	return "check what the proxy sends before the bytes of its client"
}
