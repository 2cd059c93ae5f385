package chat

import (
	"slices"
	"sync"

	"github.com/throng-chat/throng/server/wheel"
)

// Archive bounds the bytes of all histories together: the oldest publication of all makes room. Its methods that are given a room are
// called under the room's lock.
type Archive struct {
	// Constant.
	Most        int
	EvictedFrom func(*Room) // is told of a room that made room for others, whose lock is held

	mu      sync.Mutex // a leaf
	Bytes   int
	Count   int
	Evicted uint64        // publications, because of most
	Order   []remembering // in the order in which it was said; what was forgotten meanwhile is passed over
}

type remembering struct {
	room   *Room
	offset uint64
}

// Remember adds p to the history of r. All histories may take more than their budget until evict has been called.
func (a *Archive) Remember(r *Room, p *Publication) {
	before := r.History.Count
	grown := r.History.Add(p, r.Options.HistorySize)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(grown, r.History.Count-before)
	a.Order = append(a.Order, remembering{r, p.Offset})
	if len(a.Order) > 2*a.Count+1024 {
		a.Order = slices.DeleteFunc(a.Order, func(m remembering) bool {
			first := m.room.History.first.Load()
			return first == 0 || m.offset < first
		})
	}
}

// Redact forgets what a publication of r says.
func (a *Archive) Redact(r *Room, p *Publication) {
	a.change(r, func() int { return r.History.Redact(p) })
}

// Expire forgets what of r was said before a moment.
func (a *Archive) Expire(r *Room, before wheel.Tick) {
	a.change(r, func() int { return -r.History.Expire(before) })
}

// Clear forgets what r remembers.
func (a *Archive) Clear(r *Room) { a.change(r, func() int { return -r.History.Clear() }) }

// change counts what how does to the history of r: by how many bytes it grows.
func (a *Archive) change(r *Room, how func() (grown int)) {
	before := r.History.Count
	grown := how()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(grown, r.History.Count-before)
}

// countLocked counts so many bytes and publications more. a.mu is held.
func (a *Archive) countLocked(bytes, publications int) {
	a.Bytes += bytes
	a.Count += publications
}

// evictOldest forgets the oldest publication of r to make room.
func (a *Archive) evictOldest(r *Room) {
	freed := r.History.dropOldest()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(-freed, -1)
	a.Evicted++
}

// oldest is the publication that was remembered first; false where all fit.
func (a *Archive) oldest() (remembering, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Bytes <= a.Most || len(a.Order) == 0 {
		return remembering{}, false
	}
	return a.Order[0], true
}

// pass takes the first out of the order, unless another goroutine has.
func (a *Archive) pass(m remembering) (passed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.Order) == 0 || a.Order[0] != m {
		return false
	}
	a.Order[0] = remembering{}
	a.Order = a.Order[1:]
	return true
}

// Counts are for the metrics.
func (a *Archive) Counts() (publications, bytes int, evicted uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Count, a.Bytes, a.Evicted
}

// Evict makes room when something was remembered in r, nil for nothing. Beyond the bytes of all, the oldest publication of r makes room
// if r holds more than the room of the oldest publication of all, else that one does: a few busy rooms cannot empty all others. The
// caller holds no lock.
func (a *Archive) Evict(r *Room) {
	if r == nil || r.Options.HistorySize == 0 {
		return
	}
	for {
		oldest, over := a.oldest()
		if !over {
			return
		}
		in := oldest.room.Stripe
		in.Mu.Lock()
		bytes := oldest.room.History.Bytes
		in.Mu.Unlock()
		if !a.evictBusy(r, bytes) && a.pass(oldest) {
			a.evictIf(oldest)
		}
	}
}

// evictBusy forgets the oldest publication of r if r holds others, and more than so many bytes, which are another room's.
func (a *Archive) evictBusy(r *Room, bytes int) bool {
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	if bytes == 0 || r.History.Count <= 1 || r.History.Bytes <= bytes {
		return false
	}
	a.evictOldest(r)
	return true
}

// evictIf forgets a publication if it is still the oldest of its room.
func (a *Archive) evictIf(m remembering) {
	in := m.room.Stripe
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if m.room.History.first.Load() == m.offset {
		a.evictOldest(m.room)
		a.EvictedFrom(m.room)
	}
}
