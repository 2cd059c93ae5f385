package edge

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
)

// Which pending connection is evicted, and when.

const (
	MaxPending        = 2000 // connections that wait for a request, or for the peer to receive a response
	MaxPendingAddress = 50   // of them, waiting for a first request, of one address. Above it, one that has been silent for PendingGrace is evicted
	PendingGrace      = time.Second
	MaxResponding     = 512 // requests being handled
	MinSockets        = 32  // connections in all states that a full server allows
	maxClosing        = 32  // evicted connections whose descriptors are still open. Above it, the acceptor waits
)

// excessLocked returns the connection to evict after c changed its state, and the reason; nil if no limit is exceeded.
func (pd *Pending) excessLocked(c *PendingConn) (over *PendingConn, why string) {
	switch {
	case pd.totalLocked() > pd.max():
		return pd.leastUsefulLocked()
	case pd.Waiting.Len()+pd.Flushing.Len()+pd.Idle.Len() > MaxPending:
		if over = first(pd.Idle, pd.Flushing); over == nil {
			over = pd.leastUsefulWaiterLocked()
		}
		return over, metrics.RejectedFull
	case pd.Responding.Len() > MaxResponding:
		return first(pd.Responding), metrics.RejectedFull
	}
	if c.in != pd.Waiting || pd.waiters.count(c.Address) <= MaxPendingAddress {
		return nil, ""
	}
	return pd.waiters.silent(c.Address, time.Now()), metrics.RejectedFull
}

// leastUsefulLocked returns the least useful connection, or nil.
func (pd *Pending) leastUsefulLocked() (*PendingConn, string) {
	c := first(pd.Idle, pd.Flushing)
	if c == nil {
		c = pd.leastUsefulWaiterLocked()
	}
	if c == nil {
		c = first(pd.Responding, pd.AwaitingProxy, pd.Trusted)
	}
	return c, metrics.RejectedFull
}

// leastUsefulWaiterLocked returns the oldest waiting connection of the address with the most of them; if no address has two, the oldest
// of all; or nil. So a crowd from some addresses evicts no client of another address.
func (pd *Pending) leastUsefulWaiterLocked() *PendingConn {
	if c := pd.waiters.oldestOfMost(); c != nil {
		return c
	}
	return first(pd.Waiting)
}

// first returns the first connection of the first list that is not empty, or nil.
func first(lists ...*list.List) *PendingConn {
	for _, l := range lists {
		if front := l.Front(); front != nil {
			return front.Value.(*PendingConn)
		}
	}
	return nil
}

// oldestOfLocked returns the oldest connection of an address in a list, or nil.
func (pd *Pending) oldestOfLocked(in *list.List, address netip.Addr) *PendingConn {
	for at := in.Front(); at != nil; at = at.Next() {
		if c := at.Value.(*PendingConn); c.Address == address {
			return c
		}
	}
	return nil
}

// evictExcess evicts a connection if there are too many, because one more connection is in the event loop.
func (pd *Pending) evictExcess() {
	pd.Mu.Lock()
	if pd.totalLocked() <= pd.max() {
		pd.Mu.Unlock()
		return
	}
	c, why := pd.leastUsefulLocked()
	was := pd.dropLocked(c)
	pd.Mu.Unlock()
	pd.evict(c, was, why)
}

// EvictOldest evicts the least useful connection. It returns false if there is none.
func (pd *Pending) EvictOldest() bool {
	pd.Mu.Lock()
	c, why := pd.leastUsefulLocked()
	was := pd.dropLocked(c)
	pd.Mu.Unlock()
	pd.evict(c, was, why)
	return c != nil
}

// evictAddress evicts a connection of an address that is not in use: idle, or waiting for its first request for PendingGrace. It returns
// false if there is none.
func (pd *Pending) evictAddress(address netip.Addr) bool {
	pd.Mu.Lock()
	c := pd.oldestOfLocked(pd.Idle, address)
	if c == nil {
		c = pd.oldestOfLocked(pd.Flushing, address)
	}
	if c == nil {
		c = pd.waiters.silent(address, time.Now())
	}
	was := pd.dropLocked(c)
	pd.Mu.Unlock()
	pd.evict(c, was, metrics.RejectedFull)
	return c != nil
}

// Expire closes the connections whose first request does not arrive within HeadTimeout, and those whose peer does not receive the response.
// It is called each tick.
func (pd *Pending) Expire(now time.Time) {
	for {
		pd.Mu.Lock()
		c := first(pd.Waiting)
		if c == nil || now.Sub(c.Since) < HeadTimeout {
			pd.Mu.Unlock()
			break
		}
		was := pd.dropLocked(c)
		pd.Mu.Unlock()
		pd.evict(c, was, metrics.RejectedSlow)
	}
	for _, c := range pd.Stalled(now) {
		pd.Mu.Lock()
		was := pd.dropLocked(c)
		pd.Mu.Unlock()
		pd.evict(c, was, metrics.RejectedSlow)
	}
}

// Stalled checks how many bytes of each response the kernel still has. If it has none, the connection becomes idle. It returns the
// connections whose peer received nothing for ResponseStall.
func (pd *Pending) Stalled(now time.Time) (cut []*PendingConn) {
	pd.Mu.Lock()
	defer pd.Mu.Unlock()
	for at, next := pd.Flushing.Front(), (*list.Element)(nil); at != nil; at = next {
		next = at.Next()
		c := at.Value.(*PendingConn)
		switch n := unsentBytes(c.Conn); {
		case n == 0:
			pd.moveLocked(c, pd.Idle)
		case n != c.unsent:
			if c.unsent >= 0 {
				c.Since = now
			}
			c.unsent = n
		case now.Sub(c.Since) >= ResponseStall:
			cut = append(cut, c)
		}
	}
	return cut
}

// dropLocked removes c, which evict closes afterwards. c counts as closing until the goroutine that reads from it calls End: only then its
// descriptor is free. c may be nil.
func (pd *Pending) dropLocked(c *PendingConn) (was removed) {
	if c == nil {
		return was
	}
	was = pd.removeLocked(c)
	if !c.evicted {
		c.evicted = true
		pd.closing++
		if c.gone != nil {
			close(c.gone)
		}
	}
	return was
}

// awaitClosing waits until at most maxClosing evicted connections are open, for at most acceptErrorBackoff. Otherwise a flood of
// connections could use all descriptors.
func (pd *Pending) awaitClosing() {
	for tries, wait := 0, time.Duration(0); wait < acceptErrorBackoff; tries++ {
		pd.Mu.Lock()
		closing := pd.closing
		pd.Mu.Unlock()
		switch {
		case closing <= maxClosing:
			return
		case tries < maxClosing:
			runtime.Gosched() // the goroutines of the evicted connections can run: a sleep would give the processor to other programs
		default:
			time.Sleep(time.Millisecond)
			wait += time.Millisecond
		}
	}
}

// evict closes c, which may be nil. It resets a connection that is not idle, because that costs both sides the least.
func (pd *Pending) evict(c *PendingConn, was removed, why string) {
	if c == nil {
		return
	}
	pd.releaseAddress(was.source)
	switch {
	case was.in != pd.Waiting:
		pd.metrics.HTTPRejected.WithLabelValues(why).Inc()
	case why == metrics.RejectedSlow:
		pd.metrics.Handshakes.WithLabelValues(metrics.HandshakeLate).Inc()
	default:
		pd.metrics.Handshakes.WithLabelValues(metrics.HandshakeEvicted).Inc()
	}
	var err error
	if was.in != pd.Idle {
		err = netpoll.ResetOnClose(c.Conn)
	}
	if err = errors.Join(err, c.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		pd.log.Debug("close a pending connection", "error", err)
	}
}
