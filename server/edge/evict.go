package edge

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
	MaxHandshakes     = 2000 // unfinished ones at a time
	MaxHandshakesAddr = 50   // of one address that have waited for HandshakeGrace
	HandshakeGrace    = time.Second
	MaxAnswering      = 512 // requests that are answered at a time
	MinSockets        = 32  // not in the loop, of a full server
	MaxClosing        = 32  // of those that are closed and whose descriptors are not free, before others are accepted
)

// overLocked is who must go now that c has come, if somebody must, and the reason.
func (h *Handshakes) overLocked(c *Handshake) (over *Handshake, why string) {
	switch {
	case h.totalLocked() > h.max():
		return h.leastLocked()
	case h.Waiting.Len()+h.Flushing.Len()+h.Kept.Len() > MaxHandshakes:
		return first(h.Kept, h.Flushing, h.Waiting), metrics.RefusedFull
	case h.Answering.Len() > MaxAnswering:
		return first(h.Answering), metrics.RefusedFull
	}
	if c.in != h.Waiting || !c.Address.IsValid() || h.byAddress[c.Address] <= MaxHandshakesAddr {
		return nil, ""
	}
	// Of one address with very many, the oldest that has had its time.
	return h.oldestOfLocked(h.Waiting, c.Address, HandshakeGrace), metrics.RefusedFull
}

// leastLocked is the least useful of all.
func (h *Handshakes) leastLocked() (*Handshake, string) {
	return first(h.Kept, h.Flushing, h.Waiting, h.Answering, h.Asking, h.Trusted), metrics.RefusedFull
}

// first is the first of the first list that has one.
func first(lists ...*list.List) *Handshake {
	for _, l := range lists {
		if front := l.Front(); front != nil {
			return front.Value.(*Handshake)
		}
	}
	return nil
}

// oldestOfLocked is the oldest of an address that has been in the list for so long.
func (h *Handshakes) oldestOfLocked(in *list.List, address netip.Addr, age time.Duration) *Handshake {
	patience := time.Now().Add(-age)
	for at := in.Front(); at != nil; at = at.Next() {
		c := at.Value.(*Handshake)
		if c.Since.After(patience) {
			return nil
		}
		if c.Address == address {
			return c
		}
	}
	return nil
}

// makeRoom closes one where there are too many, as a connection came to the loop.
func (h *Handshakes) makeRoom() {
	h.Mu.Lock()
	if h.totalLocked() <= h.max() {
		h.Mu.Unlock()
		return
	}
	c, why := h.leastLocked()
	was := h.dropLocked(c)
	h.Mu.Unlock()
	h.evict(c, was, why)
}

// EvictOldest frees a descriptor and says whether there was one to free.
func (h *Handshakes) EvictOldest() bool {
	h.Mu.Lock()
	c, why := h.leastLocked()
	was := h.dropLocked(c)
	h.Mu.Unlock()
	h.evict(c, was, why)
	return c != nil
}

// evictOf frees a place of an address, if it has a socket that is of no use: kept for another request, or one whose
// first has not come for a while.
func (h *Handshakes) evictOf(address netip.Addr) bool {
	h.Mu.Lock()
	c := h.oldestOfLocked(h.Kept, address, 0)
	if c == nil {
		c = h.oldestOfLocked(h.Flushing, address, 0)
	}
	if c == nil {
		c = h.oldestOfLocked(h.Waiting, address, HandshakeGrace)
	}
	was := h.dropLocked(c)
	h.Mu.Unlock()
	h.evict(c, was, metrics.RefusedFull)
	return c != nil
}

// Expire closes those who have waited for too long for a request, or whose peer does not take the answer. It is called
// each tick.
func (h *Handshakes) Expire(now time.Time) {
	for {
		h.Mu.Lock()
		c := first(h.Waiting)
		if c == nil || now.Sub(c.Since) < HeadTimeout {
			h.Mu.Unlock()
			break
		}
		was := h.dropLocked(c)
		h.Mu.Unlock()
		h.evict(c, was, metrics.RefusedFull)
	}
	for _, c := range h.Stalled(now) {
		h.Mu.Lock()
		was := h.dropLocked(c)
		h.Mu.Unlock()
		h.evict(c, was, metrics.RefusedSlow)
	}
}

// Stalled looks at what the kernel still holds of each answer: those whose peer has taken all are kept from now on, and those
// whose peer took nothing for AnswerStall are returned.
func (h *Handshakes) Stalled(now time.Time) (cut []*Handshake) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	for at, next := h.Flushing.Front(), (*list.Element)(nil); at != nil; at = next {
		next = at.Next()
		c := at.Value.(*Handshake)
		switch n := UnsentBytes(c.TCPConn); {
		case n == 0:
			h.MoveLocked(c, h.Kept)
		case n != c.Unsent:
			if c.Unsent >= 0 {
				c.Since = now
			}
			c.Unsent = n
		case now.Sub(c.Since) >= AnswerStall:
			cut = append(cut, c)
		}
	}
	return cut
}

// dropLocked forgets c, which evict closes then. Its descriptor is free when the goroutine that reads of it has seen that, and called End:
// until then it counts as closing.
func (h *Handshakes) dropLocked(c *Handshake) (was ended) {
	if c == nil {
		return was
	}
	was = h.endLocked(c)
	if !c.evicted {
		c.evicted = true
		h.Closing++
		if c.gone != nil {
			close(c.gone)
		}
	}
	return was
}

// AwaitClosing has the acceptor wait for the descriptors of those that were evicted, a little: in a flood it could come to have more than
// there may be.
func (h *Handshakes) AwaitClosing() {
	for wait := time.Duration(0); wait < AcceptErrorBackoff; wait += time.Millisecond {
		h.Mu.Lock()
		closing := h.Closing
		h.Mu.Unlock()
		if closing <= MaxClosing {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// evict closes c. One that is kept ends in order; any other by a reset, as one that was never accepted: it costs both sides
// the least.
func (h *Handshakes) evict(c *Handshake, was ended, why string) {
	if c == nil {
		return
	}
	h.giveBack(was.source)
	if was.in == h.Waiting {
		h.metrics.Handshakes.WithLabelValues(metrics.HandshakeEvicted).Inc()
	} else {
		h.metrics.HttpRefused.WithLabelValues(why).Inc()
	}
	var err error
	if was.in != h.Kept {
		err = c.SetLinger(0)
	}
	if err = errors.Join(err, c.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		h.log.Debug("close a socket", "error", err)
	}
}
