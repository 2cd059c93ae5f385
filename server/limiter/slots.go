package limiter

import (
	"container/list"
	"maps"
	"net/netip"
	"sync"
)

// Slots bounds the requests of one kind that are in progress. If all slots are taken, it evicts a request of the address with the most
// waiting requests, so a few addresses cannot take all slots. Any goroutine may use it; no method blocks.
type Slots struct {
	// Constant after NewSlots.
	limit       int
	evictNewest bool // evict the newest request, and only of an address with more requests than the new one's; else evict the oldest

	mu      sync.Mutex // a leaf
	count   int
	waiting map[netip.Addr]*list.List // of *Slot, the oldest first; no empty lists
}

// Slot is a request in progress.
type Slot struct {
	from    netip.Addr
	end     func()        // ends the wait on eviction. It must not block or lock. Called at most once, before Release
	at      *list.Element // guarded by Slots.mu; nil: it does not wait any more
	evicted bool          // guarded by Slots.mu
}

// NewSlots returns limit slots. evictNewest: see Slots.
func NewSlots(limit int, evictNewest bool) *Slots {
	return &Slots{limit: limit, evictNewest: evictNewest, waiting: map[netip.Addr]*list.List{}}
}

// Acquire takes a slot for a request of an address. If all are taken, it evicts another request, or returns nil. Return the slot with
// Release.
func (b *Slots) Acquire(from netip.Addr, end func()) *Slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count >= b.limit && !b.evictLocked(from) {
		return nil
	}
	of := b.waiting[from]
	if of == nil {
		of = list.New()
		b.waiting[from] = of
	}
	one := &Slot{from: from, end: end}
	one.at = of.PushBack(one)
	b.count++
	return one
}

// evictLocked evicts a request of the address with the most waiting requests, for a request of from. It returns false if there is none to
// evict. b.mu is held.
func (b *Slots) evictLocked(from netip.Addr) bool {
	var at *list.Element
	if b.evictNewest {
		own := 0
		if of := b.waiting[from]; of != nil {
			own = of.Len()
		}
		heaviest, ok := HeavierThan(own, maps.Values(b.waiting))
		if !ok {
			return false
		}
		at = heaviest.Back()
	} else {
		heaviest, ok := Heaviest(maps.Values(b.waiting))
		if !ok {
			return false
		}
		at = heaviest.Front()
	}
	one := at.Value.(*Slot)
	b.stopLocked(one)
	one.evicted = true
	b.count-- // now, and not when its goroutine has ended
	one.end()
	return true
}

// stopLocked marks a request as not waiting. b.mu is held.
func (b *Slots) stopLocked(one *Slot) {
	if one.at == nil {
		return
	}
	of := b.waiting[one.from]
	if of.Remove(one.at); of.Len() == 0 {
		delete(b.waiting, one.from)
	}
	one.at = nil
}

// StopWaiting marks a request as not waiting, so it cannot be evicted any more. It returns false if the request was evicted before: then the
// caller can only reply and close the socket.
func (b *Slots) StopWaiting(one *Slot) (inTime bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked(one)
	return !one.evicted
}

// Release returns the slot.
func (b *Slots) Release(one *Slot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked(one)
	if !one.evicted {
		b.count--
	}
}

// Length returns the number of taken slots.
func (b *Slots) Length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
