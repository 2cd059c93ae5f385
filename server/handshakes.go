package server

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// handshakes bounds the connections that have not sent a whole request, in number and in time: each costs a goroutine and
// several KB, against 1 KB in the loop. When there is one too many, the oldest is closed: who sends a request at once is
// never hurt by who does not.
type handshakes struct {
	log     *slog.Logger
	metrics *metrics
	max     func() int // how many there may be now

	mu        sync.Mutex
	waiting   *list.List // of *handshake, the oldest first
	byAddress map[netip.Addr]int
}

// handshake is a connection on its way to its first request, or between two.
type handshake struct {
	*net.TCPConn
	peer    netip.Addr
	remote  netip.AddrPort // peer and its port
	address netip.Addr     // what counts as one; the zero Addr for a proxy, which comes for many
	read    []byte         // bytes of the request that were read ahead of net/http
	at      *list.Element  // guarded by handshakes.mu; nil while a request is dealt with
	since   time.Time      // guarded by handshakes.mu
}

// RemoteAddr is right even for a peer that reset the connection before net.FileConn asked for its address.
func (c *handshake) RemoteAddr() net.Addr {
	if c.remote.IsValid() {
		return peerAddr{c.remote}
	}
	return c.TCPConn.RemoteAddr()
}

// Read gives the bytes that were read ahead, then those of the socket.
func (c *handshake) Read(b []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(b, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	return c.TCPConn.Read(b)
}

func newHandshakes(log *slog.Logger, m *metrics, max func() int) *handshakes {
	return &handshakes{log: log, metrics: m, max: max, waiting: list.New(), byAddress: map[netip.Addr]int{}}
}

func (h *handshakes) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting.Len()
}

// onState is the http.Server's ConnState: a connection that is kept for another request waits like a new one.
func (h *handshakes) onState(nc net.Conn, state http.ConnState) {
	switch c := nc.(*handshake); state {
	case http.StateIdle:
		h.begin(c)
	case http.StateActive, http.StateHijacked, http.StateClosed:
		h.end(c)
	}
}

// end is when c has sent a whole request, or nothing will come.
func (h *handshakes) end(c *handshake) {
	h.mu.Lock()
	h.endLocked(c)
	h.mu.Unlock()
}

// expire closes those who have waited for too long.
func (h *handshakes) expire(now time.Time) {
	for {
		h.mu.Lock()
		front := h.waiting.Front()
		if front == nil || now.Sub(front.Value.(*handshake).since) < headTimeout {
			h.mu.Unlock()
			return
		}
		c := front.Value.(*handshake)
		h.endLocked(c)
		h.mu.Unlock()
		h.evict(c)
	}
}

func (h *handshakes) begin(c *handshake) {
	h.mu.Lock()
	c.since = time.Now()
	c.at = h.waiting.PushBack(c)
	h.byAddress[c.address]++
	over := h.overLocked(c)
	h.mu.Unlock()
	if over == nil {
		return
	}
	// Whoever's request has come already is let through first: on a busy core it may only not have been looked at.
	runtime.Gosched()
	h.mu.Lock()
	over = h.overLocked(c)
	if over != nil {
		h.endLocked(over)
	}
	h.mu.Unlock()
	if over != nil {
		h.evict(over)
	}
}

// overLocked is who must go, if somebody must: of all the oldest, or of one address with very many the oldest that has
// had its time.
func (h *handshakes) overLocked(c *handshake) *handshake {
	if h.waiting.Len() > h.max() {
		return h.waiting.Front().Value.(*handshake)
	}
	if !c.address.IsValid() || h.byAddress[c.address] <= maxHandshakesAddr {
		return nil
	}
	patience := time.Now().Add(-handshakeGrace)
	for at := h.waiting.Front(); at != nil; at = at.Next() {
		old := at.Value.(*handshake)
		if old.since.After(patience) {
			return nil
		}
		if old.address == c.address {
			return old
		}
	}
	return nil
}

func (h *handshakes) endLocked(c *handshake) {
	if c.at == nil {
		return
	}
	h.waiting.Remove(c.at)
	c.at = nil
	if h.byAddress[c.address]--; h.byAddress[c.address] == 0 {
		delete(h.byAddress, c.address)
	}
}

// evictOldest frees a descriptor and says whether there was one to free.
func (h *handshakes) evictOldest() bool {
	h.mu.Lock()
	front := h.waiting.Front()
	if front == nil {
		h.mu.Unlock()
		return false
	}
	c := front.Value.(*handshake)
	h.endLocked(c)
	h.mu.Unlock()
	h.evict(c)
	return true
}

func (h *handshakes) evict(c *handshake) {
	h.metrics.handshakes.WithLabelValues(handshakeEvicted).Inc()
	// A reset, as for one that was never accepted: it costs both sides the least.
	if err := errors.Join(c.SetLinger(0), c.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		h.log.Debug("close a handshake", "error", err)
	}
}
