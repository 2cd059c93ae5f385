package edge

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

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
)

// Pending bounds the number and the time of the connections of the public port that are not in the event loop. Each costs one or two
// goroutines and several KB; a connection in the loop costs 1 KB. When there are too many, it closes the least useful. A client that sends
// its request at once and reads the response is not affected by clients that do not. Any goroutine may call its methods. A method whose
// name ends in Locked needs Mu.
type Pending struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	max     func() int          // returns the limit of all states together
	release func(*chat.Address) // is called when a connection no longer counts for an address; without Mu

	Mu            sync.Mutex
	Waiting       *list.List // of *PendingConn: the head of the first request is incomplete; oldest first
	Responding    *list.List // a response is being written; longest without progress first
	Flushing      *list.List // a response is written, but the kernel still has bytes that the peer has not received; oldest response first
	Idle          *list.List // kept for another request; oldest first
	AwaitingProxy *list.List // a handshake that waits for a proxy request, whose number session.Hooks bounds; oldest first
	Trusted       *list.List // responding or idle, with a valid API key; evicted last
	waiters       *waiters   // the connections in Waiting by address
	closing       int        // connections that are evicted and whose descriptor is still open
}

func newPending(log *slog.Logger, m *metrics.Metrics, max func() int) *Pending {
	return &Pending{
		log: log, metrics: m, max: max, release: func(*chat.Address) {},
		Waiting: list.New(), Responding: list.New(), Flushing: list.New(), Idle: list.New(),
		AwaitingProxy: list.New(), Trusted: list.New(),
		waiters: newWaiters(),
	}
}

// watch registers the gauges of pending connections.
func (pd *Pending) watch(m *metrics.Metrics) {
	m.Gauge("throng_handshakes_pending", "Connections whose first request has not arrived completely.", func() float64 { return float64(pd.Count()) })
	m.Gauge("throng_http_answering", "HTTP requests of the public port that are being handled.",
		func() float64 { return float64(pd.Length(pd.Responding)) })
	m.Gauge("throng_http_kept", "HTTP connections of the public port that wait for another request, or whose last response is not fully received.",
		func() float64 { return float64(pd.Length(pd.Flushing, pd.Idle)) })
}

// Count returns the number of connections whose first head is incomplete.
func (pd *Pending) Count() int { return pd.Length(pd.Waiting) }

// Length returns the number of connections in some lists.
func (pd *Pending) Length(lists ...*list.List) (n int) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	for _, l := range lists {
		n += l.Len()
	}
	return n
}

func (pd *Pending) totalLocked() int {
	return pd.Waiting.Len() + pd.Responding.Len() + pd.Flushing.Len() + pd.Idle.Len() + pd.AwaitingProxy.Len() + pd.Trusted.Len()
}

// onState is the ConnState callback of http.Server.
func (pd *Pending) onState(nc net.Conn, state http.ConnState) {
	c := nc.(*PendingConn)
	if state != http.StateNew && state != http.StateActive {
		c.slot.release()
	}
	switch state {
	case http.StateActive:
		pd.move(c, pd.Responding)
	case http.StateIdle:
		pd.move(c, pd.Flushing)
	case http.StateHijacked, http.StateClosed:
		pd.End(c)
	}
}

// Begin adds c, whose first request has not arrived. It may evict another connection, and waits if too many evicted ones are still open.
func (pd *Pending) Begin(c *PendingConn) {
	c.owner, c.gone = pd, make(chan struct{})
	pd.move(c, pd.Waiting)
	pd.awaitClosing()
}

// move moves c to the list of its new state. If a limit is exceeded then, it evicts a connection.
func (pd *Pending) move(c *PendingConn, to *list.List) {
	pd.Mu.Lock()
	if c.evicted {
		pd.Mu.Unlock()
		return
	}
	if c.hasKey && to != pd.Waiting {
		to = pd.Trusted
	}
	pd.moveLocked(c, to)
	over, _ := pd.excessLocked(c)
	pd.Mu.Unlock()
	if over == nil {
		return
	}
	// Other goroutines run first: on a busy core, a request may have arrived and not been read yet.
	if !c.HeadRead {
		runtime.Gosched()
	}
	pd.Mu.Lock()
	over, why := pd.excessLocked(c)
	was := pd.dropLocked(over)
	pd.Mu.Unlock()
	pd.evict(over, was, why)
}

// queue notes that c waits for this server and not for its client: its TLS handshake needs a processor.
func (pd *Pending) queue(c *PendingConn) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	c.queued = true
}

// awaitClient notes that c waits for its client again. Once, its time in Waiting starts again: the client did not cause the delay.
func (pd *Pending) awaitClient(c *PendingConn) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	if !c.queued {
		return
	}
	c.queued = false
	if c.in == pd.Waiting {
		pd.moveLocked(c, pd.Waiting)
	}
}

// trust protects c from eviction because its request has a valid API key.
func (pd *Pending) trust(c *PendingConn) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	c.hasKey = true
	if c.At != nil {
		pd.moveLocked(c, pd.Trusted)
	}
}

// awaitProxy is called when the handshake of c waits for a proxy request.
func (pd *Pending) awaitProxy(c *PendingConn) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	if c.At != nil {
		pd.moveLocked(c, pd.AwaitingProxy)
	}
}

// setAddress makes c, which counted for no address, count for one: among the waiting connections, and as source, which may be nil. If the
// address has too many waiting connections then, it evicts one.
func (pd *Pending) setAddress(c *PendingConn, address netip.Addr, source *chat.Address) {
	pd.Mu.Lock()
	if c.At == nil { // evicted
		pd.Mu.Unlock()
		pd.releaseAddress(source)
		return
	}
	c.Address, c.source = address, source
	pd.waiters.add(c)
	over, why := pd.excessLocked(c)
	was := pd.dropLocked(over)
	pd.Mu.Unlock()
	pd.evict(over, was, why)
}

// progressed implements owner.
func (pd *Pending) progressed(c *PendingConn) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	c.Since = time.Now()
	if c.in == pd.Responding {
		pd.Responding.MoveToBack(c.At)
	}
}

// countStalled implements owner.
func (pd *Pending) countStalled() {
	pd.metrics.HTTPRejected.WithLabelValues(metrics.RejectedSlow).Inc()
}

// End removes c because it moves to the event loop or is closed.
func (pd *Pending) End(c *PendingConn) {
	pd.Mu.Lock()
	was := pd.removeLocked(c)
	if c.evicted && !c.ended {
		c.ended = true
		pd.closing--
	}
	pd.Mu.Unlock()
	pd.releaseAddress(was.source)
}

// take removes and returns the address that counts c, so that the caller can keep counting the connection; nil if none does.
func (pd *Pending) take(c *PendingConn) *chat.Address {
	if c == nil {
		return nil
	}
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	source := c.source
	c.source = nil
	return source
}

func (pd *Pending) releaseAddress(source *chat.Address) {
	if source != nil {
		pd.release(source)
	}
}

// moveLocked moves c to the end of a list.
func (pd *Pending) moveLocked(c *PendingConn, to *list.List) {
	pd.unlinkLocked(c)
	c.Since, c.unsent, c.in, c.At = time.Now(), -1, to, to.PushBack(c)
	if to == pd.Waiting {
		pd.waiters.add(c)
	}
}

func (pd *Pending) unlinkLocked(c *PendingConn) {
	if c.At == nil {
		return
	}
	c.in.Remove(c.At)
	pd.waiters.remove(c)
	c.in, c.At = nil, nil
}

// removed has the state of a connection before its removal. The caller of removeLocked releases source without Mu.
type removed struct {
	source *chat.Address
	in     *list.List
}

// removeLocked removes c from its list and from the count of its address. c may be nil.
func (pd *Pending) removeLocked(c *PendingConn) (was removed) {
	if c == nil {
		return was
	}
	was = removed{c.source, c.in}
	c.source = nil
	pd.unlinkLocked(c)
	return was
}

// close ends a connection that is neither for the event loop nor for net/http.
func (pd *Pending) close(c *PendingConn) {
	pd.End(c)
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		pd.log.Debug("close a pending connection", "error", err)
	}
}
