package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
	"github.com/throng-chat/throng/server/session"
)

// serveSocket is for a handshake that came by way of net/http: one that is refused, that follows another request on its
// connection, or that the application is asked about.
func (e *Edge) serveSocket(w http.ResponseWriter, r *http.Request) {
	var source *chat.Address
	as, no := e.AdmitRequest(r)
	if no == nil {
		c := socketOf(r)
		source, no = e.Reserve(c, c.peer, e.proxies.sourceOf(r), &as)
	}
	if no == nil && as.asked {
		e.Handshakes.Asks(socketOf(r))
		if no = e.askPlain(w, r, as.room); no != nil {
			e.GiveBack(source, as.Seat)
		}
	}
	if no != nil {
		e.refuse(w, r, no)
		return
	}
	conn, early, err := hijack(w)
	if err != nil {
		e.GiveBack(source, as.Seat)
		e.metrics.Handshakes.WithLabelValues(metrics.HandshakeFailed).Inc()
		e.log.Debug("socket not taken over", "error", err)
		return
	}
	e.enter(conn, source, as, early)
}

// hijack takes a request's socket from net/http, and what the client sent behind its request.
func hijack(w http.ResponseWriter) (conn *net.TCPConn, early []byte, err error) {
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
	// nbio knows a TCP socket by its concrete type.
	c := taken.(*Handshake)
	return c.TCPConn, append(early, c.ReadAhead...), nil
}

// Reserve takes a place in the loop, and in its room, for a connection of peer that came from that address. c is its socket, nil where it
// has none yet.
func (e *Edge) Reserve(c *Handshake, peer, from netip.Addr, as *welcome) (*chat.Address, *refusal) {
	// For whom a proxy comes was not known when it was accepted.
	if e.proxies.trusted(peer) && !e.Arrivals.Allow(from, e.hub.Clock.Now()) {
		return nil, &refusal{metrics.HandshakeRate, http.StatusTooManyRequests, textTooOften}
	}
	if !e.hub.Reserve() {
		return nil, &refusal{metrics.HandshakeFull, http.StatusServiceUnavailable, "the server is full: come back later"}
	}
	ok := true
	if as.encoding == session.PlainEncoding {
		if as.Seat, ok = e.hub.ReserveSeat(as.room); !ok {
			e.hub.Release()
			return nil, &refusal{metrics.HandshakeFull, http.StatusServiceUnavailable, "the room is full: come back later"}
		}
	}
	if source := e.Handshakes.Take(c); source != nil { // it counts already
		return source, nil
	}
	source, ok := e.reserveAddress(from)
	if !ok {
		e.GiveBack(nil, as.Seat)
		return nil, &refusal{metrics.HandshakeFull, http.StatusServiceUnavailable, textAddressFull}
	}
	return source, nil
}

// reserveAddress counts a socket of an address. Where there are too many, one of no use makes room for it.
func (e *Edge) reserveAddress(from netip.Addr) (*chat.Address, bool) {
	for {
		source, ok := e.hub.ReserveAddress(from)
		if ok || !e.Handshakes.evictOf(from) {
			return source, ok
		}
	}
}

// countSocket counts a socket that does not go to the loop at once as one of its address; false where there are too many. A
// proxy's do not count: its connections count by themselves, in reserve.
func (e *Edge) countSocket(c *Handshake) (ok bool) {
	if !e.countsAddresses || !c.Address.IsValid() {
		return true
	}
	c.Source, ok = e.reserveAddress(c.Address)
	return ok
}

// GiveBack frees the place of a connection that did not come about.
func (e *Edge) GiveBack(source *chat.Address, seat *chat.Room) {
	e.hub.ReleaseSeat(seat)
	e.hub.ReleaseAddress(source)
	e.hub.Release()
}

// enter hands a socket whose handshake is good to the loop. A place is reserved.
func (e *Edge) enter(conn *net.TCPConn, source *chat.Address, as welcome, early []byte) {
	nc, err := netpoll.FromTCP(conn)
	e.enterLoop(nc, err, source, as, early)
}

// enterLoop is enter of a connection of the loop's own kind, or of what failed in making it.
func (e *Edge) enterLoop(nc *netpoll.Socket, err error, source *chat.Address, as welcome, early []byte) {
	e.Handshakes.makeRoom()
	if err != nil {
		e.GiveBack(source, as.Seat)
		e.metrics.Handshakes.WithLabelValues(metrics.HandshakeFailed).Inc()
		e.complaint.Do(func() { e.log.Warn("socket not taken over", "error", err) })
		return
	}
	e.metrics.Accepted.Inc()
	t := netpoll.OverTCP(nc)
	if as.encoding == session.PlainEncoding {
		plain.Open(e.hub.Hub, plain.Opening{
			Transport: t, Source: source, Room: as.room, Seat: as.Seat, Hello: as.hello, Early: early,
		})
	} else {
		e.hub.Open(t, source, as.encoding, as.hello, early)
	}
}
