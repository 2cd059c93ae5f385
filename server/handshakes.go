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
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// handshakes bounds the connections that have not sent a whole request: each costs 16 KB and a goroutine, against 1 KB in
// the loop. When there is one too many, the oldest is closed: who sends a request at once is never hurt by who does not.
type handshakes struct {
	metrics *metrics
	max     func() int // how many there may be now

	mu        sync.Mutex
	waiting   *list.List // of *handshake, the oldest first
	byAddress map[netip.Addr]int
}

// handshake is a connection on its way to its first request, or between two.
type handshake struct {
	*net.TCPConn
	address netip.Addr
	at      *list.Element // guarded by handshakes.mu; nil while a request is dealt with
	since   time.Time
}

func newHandshakes(m *metrics, max func() int) *handshakes {
	return &handshakes{metrics: m, max: max, waiting: list.New(), byAddress: map[netip.Addr]int{}}
}

func (h *handshakes) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting.Len()
}

// onState is the http.Server's ConnState.
func (h *handshakes) onState(nc net.Conn, state http.ConnState) {
	c := nc.(*handshake)
	switch state {
	case http.StateNew, http.StateIdle:
		h.begin(c)
	case http.StateActive, http.StateHijacked, http.StateClosed:
		h.mu.Lock()
		h.endLocked(c)
		h.mu.Unlock()
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
	if h.byAddress[c.address] <= maxHandshakesAddr {
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
	// Its goroutine sees the error and ends.
	c.Close()
}

// listener accepts the connections of the public port.
type listener struct {
	*net.TCPListener
	log        *slog.Logger
	handshakes *handshakes
	complaint  rate.Sometimes
}

// Accept waits for a connection. Without a free descriptor it makes room and waits a little: an accept that fails at once,
// tried again at once, would take the whole core.
func (l *listener) Accept() (net.Conn, error) {
	for {
		tcp, err := l.AcceptTCP()
		if err == nil {
			return &handshake{TCPConn: tcp, address: household(tcp)}, nil
		}
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return nil, err
		}
		freed := l.handshakes.evictOldest()
		l.complaint.Do(func() {
			l.log.Error("out of open files: connections wait; raise LimitNOFILE or lower --max-connections",
				"error", err, "unfinished_handshake_closed", freed)
		})
		time.Sleep(acceptErrorBackoff)
	}
}

// household is what counts as one address: an IPv6 customer has a /64 of them.
func household(c *net.TCPConn) netip.Addr {
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return from
}
