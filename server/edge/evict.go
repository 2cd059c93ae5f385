package edge

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/throng-chat/throng/server/metrics"
)

// Which pending connection is evicted, and when.

const (
	MaxPending        = 2000 // connections that wait for a request, or for the peer to receive a response
	MaxPendingAddress = 50   // of them, waiting for a first request, of one address. Above it, one that has waited for PendingGrace is evicted
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
		return first(pd.Idle, pd.Flushing, pd.Waiting), metrics.RejectedFull
	case pd.Responding.Len() > MaxResponding:
		return first(pd.Responding), metrics.RejectedFull
	}
	if c.in != pd.Waiting || !c.Address.IsValid() || pd.byAddress[c.Address] <= MaxPendingAddress {
		return nil, ""
	}
	// The oldest connection of the same address, if it has waited long enough.
	return pd.oldestOfLocked(pd.Waiting, c.Address, PendingGrace), metrics.RejectedFull
}

// leastUsefulLocked returns the least useful connection, or nil.
func (pd *Pending) leastUsefulLocked() (*PendingConn, string) {
	return first(pd.Idle, pd.Flushing, pd.Waiting, pd.Responding, pd.AwaitingProxy, pd.Trusted), metrics.RejectedFull
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

// oldestOfLocked returns the oldest connection of an address in a list, if it has been there for at least age; else nil.
func (pd *Pending) oldestOfLocked(in *list.List, address netip.Addr, age time.Duration) *PendingConn {
	latest := time.Now().Add(-age)
	for at := in.Front(); at != nil; at = at.Next() {
		c := at.Value.(*PendingConn)
		if c.Since.After(latest) {
			return nil
		}
		if c.Address == address {
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
	c := pd.oldestOfLocked(pd.Idle, address, 0)
	if c == nil {
		c = pd.oldestOfLocked(pd.Flushing, address, 0)
	}
	if c == nil {
		c = pd.oldestOfLocked(pd.Waiting, address, PendingGrace)
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
		pd.evict(c, was, metrics.RejectedFull)
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
		switch n := unsentBytes(c.TCPConn); {
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
	for wait := time.Duration(0); wait < acceptErrorBackoff; wait += time.Millisecond {
		pd.Mu.Lock()
		closing := pd.closing
		pd.Mu.Unlock()
		if closing <= maxClosing {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// evict closes c, which may be nil. It resets a connection that is not idle, because that costs both sides the least.
func (pd *Pending) evict(c *PendingConn, was removed, why string) {
	if c == nil {
		return
	}
	pd.releaseAddress(was.source)
	if was.in == pd.Waiting {
		pd.metrics.Handshakes.WithLabelValues(metrics.HandshakeEvicted).Inc()
	} else {
		pd.metrics.HTTPRejected.WithLabelValues(why).Inc()
	}
	var err error
	if was.in != pd.Idle {
		err = c.SetLinger(0)
	}
	if err = errors.Join(err, c.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		pd.log.Debug("close a pending connection", "error", err)
	}
}
