package server

import (
	"slices"
	"sync"

	"github.com/throng-chat/throng/server/wheel"
)

// archive bounds the bytes of all histories together: the oldest publication of all makes room. Its methods that are given a room are
// called under the room's lock.
type archive struct {
	// Constant.
	most        int
	evictedFrom func(*room) // is told of a room that made room for others, whose lock is held

	mu      sync.Mutex // a leaf
	bytes   int
	count   int
	evicted uint64        // publications, because of most
	order   []remembering // in the order in which it was said; what was forgotten meanwhile is passed over
}

type remembering struct {
	room   *room
	offset uint64
}

// remember adds p to the history of r. All histories may take more than their budget until evict has been called.
func (a *archive) remember(r *room, p *publication) {
	before := r.history.count
	grown := r.history.add(p, r.options.HistorySize)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(grown, r.history.count-before)
	a.order = append(a.order, remembering{r, p.offset})
	if len(a.order) > 2*a.count+1024 {
		a.order = slices.DeleteFunc(a.order, func(m remembering) bool {
			first := m.room.history.first.Load()
			return first == 0 || m.offset < first
		})
	}
}

// redact forgets what a publication of r says.
func (a *archive) redact(r *room, p *publication) {
	a.change(r, func() int { return r.history.redact(p) })
}

// expire forgets what of r was said before a moment.
func (a *archive) expire(r *room, before wheel.Tick) {
	a.change(r, func() int { return -r.history.expire(before) })
}

// clear forgets what r remembers.
func (a *archive) clear(r *room) { a.change(r, func() int { return -r.history.clear() }) }

// change counts what how does to the history of r: by how many bytes it grows.
func (a *archive) change(r *room, how func() (grown int)) {
	before := r.history.count
	grown := how()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(grown, r.history.count-before)
}

// countLocked counts so many bytes and publications more. a.mu is held.
func (a *archive) countLocked(bytes, publications int) {
	a.bytes += bytes
	a.count += publications
}

// evictOldest forgets the oldest publication of r to make room.
func (a *archive) evictOldest(r *room) {
	freed := r.history.dropOldest()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(-freed, -1)
	a.evicted++
}

// oldest is the publication that was remembered first; false where all fit.
func (a *archive) oldest() (remembering, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes <= a.most || len(a.order) == 0 {
		return remembering{}, false
	}
	return a.order[0], true
}

// pass takes the first out of the order, unless another goroutine has.
func (a *archive) pass(m remembering) (passed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.order) == 0 || a.order[0] != m {
		return false
	}
	a.order[0] = remembering{}
	a.order = a.order[1:]
	return true
}

// counts are for the metrics.
func (a *archive) counts() (publications, bytes int, evicted uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count, a.bytes, a.evicted
}

// evict makes room when something was remembered in r, nil for nothing. Beyond the bytes of all, the oldest publication of r makes room
// if r holds more than the room of the oldest publication of all, else that one does: a few busy rooms cannot empty all others. The
// caller holds no lock.
func (a *archive) evict(r *room) {
	if r == nil || r.options.HistorySize == 0 {
		return
	}
	for {
		oldest, over := a.oldest()
		if !over {
			return
		}
		in := oldest.room.stripe
		in.mu.Lock()
		bytes := oldest.room.history.bytes
		in.mu.Unlock()
		if !a.evictBusy(r, bytes) && a.pass(oldest) {
			a.evictIf(oldest)
		}
	}
}

// evictBusy forgets the oldest publication of r if r holds others, and more than so many bytes, which are another room's.
func (a *archive) evictBusy(r *room, bytes int) bool {
	r.stripe.mu.Lock()
	defer r.stripe.mu.Unlock()
	if bytes == 0 || r.history.count <= 1 || r.history.bytes <= bytes {
		return false
	}
	a.evictOldest(r)
	return true
}

// evictIf forgets a publication if it is still the oldest of its room.
func (a *archive) evictIf(m remembering) {
	in := m.room.stripe
	in.mu.Lock()
	defer in.mu.Unlock()
	if m.room.history.first.Load() == m.offset {
		a.evictOldest(m.room)
		a.evictedFrom(m.room)
	}
}
