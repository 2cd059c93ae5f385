package server

import (
	"container/list"
	"net/netip"
	"sync"
)

// bodies bounds the requests for guest tokens in progress. When all places are taken, the address with the most requests that still
// wait for their body makes room by its oldest one, so that slow bodies from a few addresses keep nobody else out. Any goroutine may
// use it; no method blocks.
type bodies struct {
	most int // constant

	mu      sync.Mutex // a leaf
	count   int
	waiting map[netip.Addr]*list.List // of *body, the oldest first; without addresses that have none
}

// body is one request that has a place.
type body struct {
	from    netip.Addr
	end     func()        // ends the wait for the rest of the body. It must not block, nor lock. Called once at most, before leave
	at      *list.Element // guarded by bodies.mu; nil once it does not wait any more
	evicted bool          // guarded by bodies.mu
}

func newBodies(most int) *bodies {
	return &bodies{most: most, waiting: map[netip.Addr]*list.List{}}
}

// enter takes a place for a request of an address, which may be that of an older request. It returns nil if every request has its body
// already. The caller gives the place back by leave.
func (b *bodies) enter(from netip.Addr, end func()) *body {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count >= b.most && !b.evictLocked() {
		return nil
	}
	of := b.waiting[from]
	if of == nil {
		of = list.New()
		b.waiting[from] = of
	}
	one := &body{from: from, end: end}
	one.at = of.PushBack(one)
	b.count++
	return one
}

// evictLocked ends the oldest request of the address that waits for the most bodies.
func (b *bodies) evictLocked() bool {
	var heaviest *list.List
	for _, of := range b.waiting {
		if heaviest == nil || of.Len() > heaviest.Len() {
			heaviest = of
		}
	}
	if heaviest == nil {
		return false
	}
	one := heaviest.Front().Value.(*body)
	b.stopLocked(one)
	one.evicted = true
	b.count-- // its goroutine is about to end, and others need not wait for that
	one.end()
	return true
}

// stopLocked makes it one that does not wait.
func (b *bodies) stopLocked(one *body) {
	if one.at == nil {
		return
	}
	of := b.waiting[one.from]
	if of.Remove(one.at); of.Len() == 0 {
		delete(b.waiting, one.from)
	}
	one.at = nil
}

// arrived is called when nothing more is read of the body. It returns false if the request had to make room: its socket can only be
// answered and closed.
func (b *bodies) arrived(one *body) (inTime bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked(one)
	return !one.evicted
}

// leave gives the place back.
func (b *bodies) leave(one *body) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked(one)
	if !one.evicted {
		b.count--
	}
}

// length is how many places are taken.
func (b *bodies) length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
