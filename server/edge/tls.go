package edge

import (
	"errors"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/proxyheader"
	"github.com/throng-chat/throng/server/tlsconn"
	"github.com/throng-chat/throng/server/tlshandshake"
)

// TLS on the public port. A connection is pending during its handshake, so that the same bounds hold as for a head: number, time, memory.
// After it, PendingConn reads and writes by a tlsconn.Stream, and the event loop by a tlsconn.Conn.

// responseNotTLS is for a client that sends an HTTP request to the TLS port.
const responseNotTLS = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"400 Bad Request: this port speaks TLS: use https:// or wss://\n"

// handshakeConn is the socket of a pending connection during its TLS handshake.
type handshakeConn struct {
	*PendingConn
	pending *Pending
}

// Read reads from the socket, without TLS.
func (hc handshakeConn) Read(b []byte) (int, error) {
	hc.pending.awaitClient(hc.PendingConn)
	return hc.Conn.Read(b)
}

// Write writes to the socket, without TLS.
func (hc handshakeConn) Write(b []byte) (int, error) { return hc.Conn.Write(b) }

// startTLS makes the TLS handshake of c. It returns false, and closes c, if that fails.
func (ac *Acceptor) startTLS(c *PendingConn) bool {
	if proxyheader.Begins(c.ReadAhead) {
		ac.proxyHeaders.reject(c, malformedProxy, errUnexpectedHeader)
		return false
	}
	if len(c.ReadAhead) > 0 {
		ac.Edge.Pending.queue(c)
	}
	r, err := ac.tls.Handshake(handshakeConn{c, ac.Edge.Pending}, c.Address, c.ReadAhead, c.gone)
	c.ReadAhead = nil
	if err == nil && r.Protocol == tlshandshake.ChallengeProtocol {
		ac.Edge.Pending.close(c) // the CA has seen the certificate
		return false
	}
	if err == nil {
		c.tls = tlsconn.NewStream(c.Conn, r)
		return true
	}
	select {
	case <-c.gone: // evicted, and counted as such
	default:
		ac.Edge.metrics.Handshakes.WithLabelValues(metrics.HandshakeTLS).Inc()
	}
	switch {
	case errors.Is(err, tlshandshake.ErrNotTLS):
		err = errors.Join(err, c.rejectWith(responseNotTLS))
	case errors.Is(err, tlshandshake.ErrPanic):
		ac.Edge.metrics.Panics.Inc()
		ac.logLimit.Do(func() { ac.Log.Error("TLS handshake failed", "error", err) })
	}
	ac.Log.Debug("TLS handshake failed", "error", err)
	ac.Edge.Pending.close(c)
	return false
}
