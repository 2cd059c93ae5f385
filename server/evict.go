package server

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/throng-chat/throng/server/metrics"
)

// Who of the sockets that are not in the loop is closed, and when. handshakes.go has the accounts.

const (
	maxHandshakes     = 2000 // unfinished ones at a time
	maxHandshakesAddr = 50   // of one address that have waited for handshakeGrace
	handshakeGrace    = time.Second
	maxAnswering      = 512 // requests that are answered at a time
	minSockets        = 32  // not in the loop, of a full server
	maxClosing        = 32  // of those that are closed and whose descriptors are not free, before others are accepted
)

// overLocked is who must go now that c has come, if somebody must, and the reason.
func (h *handshakes) overLocked(c *handshake) (over *handshake, why string) {
	switch {
	case h.totalLocked() > h.max():
		return h.leastLocked()
	case h.waiting.Len()+h.flushing.Len()+h.kept.Len() > maxHandshakes:
		return first(h.kept, h.flushing, h.waiting), metrics.RefusedFull
	case h.answering.Len() > maxAnswering:
		return first(h.answering), metrics.RefusedFull
	}
	if c.in != h.waiting || !c.address.IsValid() || h.byAddress[c.address] <= maxHandshakesAddr {
		return nil, ""
	}
	// Of one address with very many, the oldest that has had its time.
	return h.oldestOfLocked(h.waiting, c.address, handshakeGrace), metrics.RefusedFull
}

// leastLocked is the least useful of all.
func (h *handshakes) leastLocked() (*handshake, string) {
	return first(h.kept, h.flushing, h.waiting, h.answering, h.asking, h.trusted), metrics.RefusedFull
}

// first is the first of the first list that has one.
func first(lists ...*list.List) *handshake {
	for _, l := range lists {
		if front := l.Front(); front != nil {
			return front.Value.(*handshake)
		}
	}
	return nil
}

// oldestOfLocked is the oldest of an address that has been in the list for so long.
func (h *handshakes) oldestOfLocked(in *list.List, address netip.Addr, age time.Duration) *handshake {
	patience := time.Now().Add(-age)
	for at := in.Front(); at != nil; at = at.Next() {
		c := at.Value.(*handshake)
		if c.since.After(patience) {
			return nil
		}
		if c.address == address {
			return c
		}
	}
	return nil
}

// makeRoom closes one where there are too many, as a connection came to the loop.
func (h *handshakes) makeRoom() {
	h.mu.Lock()
	if h.totalLocked() <= h.max() {
		h.mu.Unlock()
		return
	}
	c, why := h.leastLocked()
	was := h.dropLocked(c)
	h.mu.Unlock()
	h.evict(c, was, why)
}

// evictOldest frees a descriptor and says whether there was one to free.
func (h *handshakes) evictOldest() bool {
	h.mu.Lock()
	c, why := h.leastLocked()
	was := h.dropLocked(c)
	h.mu.Unlock()
	h.evict(c, was, why)
	return c != nil
}

// evictOf frees a place of an address, if it has a socket that is of no use: kept for another request, or one whose
// first has not come for a while.
func (h *handshakes) evictOf(address netip.Addr) bool {
	h.mu.Lock()
	c := h.oldestOfLocked(h.kept, address, 0)
	if c == nil {
		c = h.oldestOfLocked(h.flushing, address, 0)
	}
	if c == nil {
		c = h.oldestOfLocked(h.waiting, address, handshakeGrace)
	}
	was := h.dropLocked(c)
	h.mu.Unlock()
	h.evict(c, was, metrics.RefusedFull)
	return c != nil
}

// expire closes those who have waited for too long for a request, or whose peer does not take the answer. It is called
// each tick.
func (h *handshakes) expire(now time.Time) {
	for {
		h.mu.Lock()
		c := first(h.waiting)
		if c == nil || now.Sub(c.since) < headTimeout {
			h.mu.Unlock()
			break
		}
		was := h.dropLocked(c)
		h.mu.Unlock()
		h.evict(c, was, metrics.RefusedFull)
	}
	for _, c := range h.stalled(now) {
		h.mu.Lock()
		was := h.dropLocked(c)
		h.mu.Unlock()
		h.evict(c, was, metrics.RefusedSlow)
	}
}

// stalled looks at what the kernel still holds of each answer: those whose peer has taken all are kept from now on, and those
// whose peer took nothing for answerStall are returned.
func (h *handshakes) stalled(now time.Time) (cut []*handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for at, next := h.flushing.Front(), (*list.Element)(nil); at != nil; at = next {
		next = at.Next()
		c := at.Value.(*handshake)
		switch n := unsentBytes(c.TCPConn); {
		case n == 0:
			h.moveLocked(c, h.kept)
		case n != c.unsent:
			if c.unsent >= 0 {
				c.since = now
			}
			c.unsent = n
		case now.Sub(c.since) >= answerStall:
			cut = append(cut, c)
		}
	}
	return cut
}

// dropLocked forgets c, which evict closes then. Its descriptor is free when the goroutine that reads of it has seen that, and called end:
// until then it counts as closing.
func (h *handshakes) dropLocked(c *handshake) (was ended) {
	if c == nil {
		return was
	}
	was = h.endLocked(c)
	if !c.evicted {
		c.evicted = true
		h.closing++
		if c.gone != nil {
			close(c.gone)
		}
	}
	return was
}

// awaitClosing has the acceptor wait for the descriptors of those that were evicted, a little: in a flood it could come to have more than
// there may be.
func (h *handshakes) awaitClosing() {
	for wait := time.Duration(0); wait < acceptErrorBackoff; wait += time.Millisecond {
		h.mu.Lock()
		closing := h.closing
		h.mu.Unlock()
		if closing <= maxClosing {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// evict closes c. One that is kept ends in order; any other by a reset, as one that was never accepted: it costs both sides
// the least.
func (h *handshakes) evict(c *handshake, was ended, why string) {
	if c == nil {
		return
	}
	h.giveBack(was.source)
	if was.in == h.waiting {
		h.metrics.Handshakes.WithLabelValues(metrics.HandshakeEvicted).Inc()
	} else {
		h.metrics.HttpRefused.WithLabelValues(why).Inc()
	}
	var err error
	if was.in != h.kept {
		err = c.SetLinger(0)
	}
	if err = errors.Join(err, c.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		h.log.Debug("close a socket", "error", err)
	}
}
