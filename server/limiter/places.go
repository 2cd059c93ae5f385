package limiter

import (
	"container/list"
	"net/netip"
	"sync"
)

// Places bounds the requests of one kind that are in progress. When all are taken, the address with the most requests that still wait
// makes room, so that a few addresses keep nobody else out. Any goroutine may use it; no method blocks.
type Places struct {
	// Constant after newPlaces.
	most    int
	patient bool // requests that wait long are as good as others: only an address with more makes room, by its newest; else by its oldest

	mu      sync.Mutex // a leaf
	count   int
	waiting map[netip.Addr]*list.List // of *place, the oldest first; without addresses that have none
}

// Place is one request that has a place.
type Place struct {
	from    netip.Addr
	end     func()        // ends the wait. It must not block, nor lock. Called once at most, before leave
	at      *list.Element // guarded by places.mu; nil once it does not wait any more
	evicted bool          // guarded by places.mu
}

func NewPlaces(most int, patient bool) *Places {
	return &Places{most: most, patient: patient, waiting: map[netip.Addr]*list.List{}}
}

// Enter takes a place for a request of an address, which may be that of another request. It returns nil if none makes room. The caller
// gives the place back by leave.
func (b *Places) Enter(from netip.Addr, end func()) *Place {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count >= b.most && !b.evictLocked(from) {
		return nil
	}
	of := b.waiting[from]
	if of == nil {
		of = list.New()
		b.waiting[from] = of
	}
	one := &Place{from: from, end: end}
	one.at = of.PushBack(one)
	b.count++
	return one
}

// evictLocked ends a request of the address that waits with the most, for one of from; false if none has to make room.
func (b *Places) evictLocked(from netip.Addr) bool {
	var heaviest *list.List
	for _, of := range b.waiting {
		if heaviest == nil || of.Len() > heaviest.Len() {
			heaviest = of
		}
	}
	if heaviest == nil {
		return false
	}
	at := heaviest.Front()
	if b.patient {
		own := 0
		if of := b.waiting[from]; of != nil {
			own = of.Len()
		}
		if heaviest.Len() <= own+1 {
			return false
		}
		at = heaviest.Back()
	}
	one := at.Value.(*Place)
	b.stopLocked(one)
	one.evicted = true
	b.count-- // its goroutine is about to end, and others need not wait for that
	one.end()
	return true
}

// stopLocked makes it one that does not wait.
func (b *Places) stopLocked(one *Place) {
	if one.at == nil {
		return
	}
	of := b.waiting[one.from]
	if of.Remove(one.at); of.Len() == 0 {
		delete(b.waiting, one.from)
	}
	one.at = nil
}

// Arrived is called when the request does not wait any more. It returns false if it had to make room: its socket can only be answered
// and closed.
func (b *Places) Arrived(one *Place) (inTime bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked(one)
	return !one.evicted
}

// Leave gives the place back.
func (b *Places) Leave(one *Place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopLocked(one)
	if !one.evicted {
		b.count--
	}
}

// Length is how many places are taken.
func (b *Places) Length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
