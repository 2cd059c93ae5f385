package edge

import (
	"errors"
	"io"
	"net/http"
	"net/netip"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
	"github.com/throng-chat/throng/server/session"
)

// serveSocket handles a handshake that net/http has read: it is rejected, follows another request on its connection, or needs a proxy
// request to the application.
func (e *Edge) serveSocket(w http.ResponseWriter, r *http.Request) {
	var source *chat.Address
	as, no := e.AuthorizeRequest(r)
	if no == nil {
		c := socketOf(r)
		source, no = e.Reserve(c, c.peer, e.proxies.addressKeyOf(r), &as)
	}
	if no == nil && as.needsProxy {
		e.Pending.awaitProxy(socketOf(r))
		if no = e.proxyPlain(w, r, as.room); no != nil {
			e.Unreserve(source, as.Reserved)
		}
	}
	if no != nil {
		e.reject(w, r, no)
		return
	}
	c, early, err := hijack(w)
	if err != nil {
		e.Unreserve(source, as.Reserved)
		e.metrics.Handshakes.WithLabelValues(metrics.HandshakeFailed).Inc()
		e.log.Debug("hijack failed", "error", err)
		return
	}
	e.open(c, source, as, early)
}

// hijack takes the connection of a request from net/http. early has the bytes that the client sent after the request.
func hijack(w http.ResponseWriter) (c *PendingConn, early []byte, err error) {
	taken, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		if _, err := io.ReadFull(rw.Reader, early); err != nil {
			return nil, nil, errors.Join(err, taken.Close())
		}
	}
	c = taken.(*PendingConn)
	return c, c.early(append(early, c.ReadAhead...)), nil
}

// Reserve reserves a place in the event loop and in the room for a connection of peer, whose client has the address key from. c is nil if
// the connection was just accepted. If Reserve returns a rejection, nothing is reserved.
func (e *Edge) Reserve(c *PendingConn, peer, from netip.Addr, as *admission) (*chat.Address, *rejection) {
	// The client of a proxy was unknown at the accept, so its rate is checked here.
	if e.proxies.trusted(peer) && !e.mayConnect(from) {
		return nil, &rejection{metrics.HandshakeRate, http.StatusTooManyRequests, textConnectRate}
	}
	if !e.sessions.Reserve() {
		return nil, &rejection{metrics.HandshakeFull, http.StatusServiceUnavailable, "the server is full: retry after " + retryAfterSeconds + " s"}
	}
	ok := true
	if as.encoding == session.PlainEncoding {
		if as.Reserved, ok = e.sessions.ReservePlain(as.room); !ok {
			e.sessions.Release()
			return nil, &rejection{metrics.HandshakeFull, http.StatusServiceUnavailable, "the room is full: retry after " + retryAfterSeconds + " s"}
		}
	}
	if source := e.Pending.take(c); source != nil { // counted since the accept
		return source, nil
	}
	source, ok := e.reserveAddress(from)
	if !ok {
		e.Unreserve(nil, as.Reserved)
		return nil, &rejection{metrics.HandshakeFull, http.StatusServiceUnavailable, textAddressFull}
	}
	return source, nil
}

// reserveAddress counts a connection of an address. If the address has too many, it evicts one that is not in use. It returns false if
// there is none.
func (e *Edge) reserveAddress(from netip.Addr) (*chat.Address, bool) {
	for {
		source, ok := e.sessions.ReserveAddress(from)
		if ok || !e.Pending.evictAddress(from) {
			return source, ok
		}
	}
}

// mayConnect counts a new connection from an address. It returns false if the address has too many. Trusted proxies are exempt: Reserve counts
// for their clients.
func (e *Edge) mayConnect(from netip.Addr) bool {
	return e.ConnectRate.Allow(from, e.sessions.Clock.Now())
}

// addressOf returns the address key under which a connection of peer is pending: none for a trusted proxy, which has many clients.
func (e *Edge) addressOf(peer netip.Addr) netip.Addr {
	if e.proxies.trusted(peer) {
		return netip.Addr{}
	}
	return limiter.AddressKey(peer)
}

// reserveSocket counts a pending connection for an address key. It returns false if the address has too many connections. Connections of a
// trusted proxy, whose key is the zero Addr, are counted by Reserve, for the address of the client.
func (e *Edge) reserveSocket(address netip.Addr) (source *chat.Address, ok bool) {
	if !e.rules.Load().countsAtAccept || !address.IsValid() {
		return nil, true
	}
	return e.reserveAddress(address)
}

// Unreserve undoes Reserve if the connection was not opened.
func (e *Edge) Unreserve(source *chat.Address, seat *chat.Room) {
	e.sessions.ReleasePlain(seat)
	e.sessions.ReleaseAddress(source)
	e.sessions.Release()
}

// open adds a connection with an accepted handshake to the event loop. Its place is reserved. early has the bytes after the handshake.
func (e *Edge) open(c *PendingConn, source *chat.Address, as admission, early []byte) {
	t, err := c.transport(e.tick)
	if err != nil {
		e.openFailed(source, as, err)
		return
	}
	e.openTransport(t, source, as, early)
}

// openFailed undoes the reservation of a connection without a transport, and counts its handshake as failed.
func (e *Edge) openFailed(source *chat.Address, as admission, err error) {
	e.Pending.evictExcess()
	e.Unreserve(source, as.Reserved)
	e.metrics.Handshakes.WithLabelValues(metrics.HandshakeFailed).Inc()
	e.logLimit.Do(func() { e.log.Warn("connection not added to the event loop", "error", err) })
}

// openTransport is open for a transport of the event loop. early is the first command of an HTTP stream.
func (e *Edge) openTransport(t fanout.Transport, source *chat.Address, as admission, early []byte) {
	e.Pending.evictExcess()
	e.metrics.Accepted.Inc()
	if as.window != 0 {
		e.metrics.CompressionAccepted.Inc()
	}
	switch {
	case as.encoding.IsStream():
		if err := netpoll.LimitUnacknowledged(t.Socket(), e.Fallbacks.ackTimeout); err != nil {
			e.log.Debug("TCP_USER_TIMEOUT not set", "error", err)
		}
		e.metrics.Streams.WithLabelValues(as.encoding.Transport()).Inc()
		e.sessions.OpenStream(t, source, as.encoding, as.response, early)
	case as.encoding == session.PlainEncoding:
		plain.Open(e.sessions.Hub, plain.Opening{
			Transport: t, Source: source, Room: as.room, Reserved: as.Reserved, Window: as.window, Hello: as.response, Early: early,
		})
	default:
		e.sessions.Open(t, source, as.encoding, as.window, as.response, early)
	}
}
