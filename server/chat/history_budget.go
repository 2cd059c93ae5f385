package chat

import (
	"slices"
	"sync"

	"github.com/throng-chat/throng/server/wheel"
)

// historyBudget is the history budget: it bounds the bytes of all histories together, and evicts the oldest publications when they exceed it.
// Except for Evict, the caller of a method with a room holds the room's lock.
type historyBudget struct {
	// Constant.
	maxBytes int         // bytes
	onEvict  func(*Room) // called after an eviction from a room, under the room's lock

	mu      sync.Mutex // a leaf
	bytes   int
	count   int
	evicted uint64        // publications
	order   []budgetEntry // the oldest first; includes publications that their room has dropped
}

type budgetEntry struct {
	room   *Room
	offset uint64
}

// Append appends p to the history of r. The histories may exceed the budget until the caller calls Evict.
func (a *historyBudget) Append(r *Room, p *Publication) {
	before := r.History.Count
	grown := r.History.add(p, r.Options.HistorySize)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(grown, r.History.Count-before)
	a.order = append(a.order, budgetEntry{r, p.Offset})
	if len(a.order) > 2*a.count+1024 {
		a.order = slices.DeleteFunc(a.order, func(m budgetEntry) bool {
			first := m.room.History.first.Load()
			return first == 0 || m.offset < first
		})
	}
}

// Redact removes the content of a publication of r.
func (a *historyBudget) Redact(r *Room, p *Publication) {
	a.update(r, func() int { return r.History.redact(p) })
}

// expire drops the publications of r from before a tick.
func (a *historyBudget) expire(r *Room, before wheel.Tick) {
	a.update(r, func() int { return -r.History.expire(before) })
}

// Clear drops all publications of r.
func (a *historyBudget) Clear(r *Room) { a.update(r, func() int { return -r.History.clear() }) }

// update calls how, which changes the history of r and returns its growth in bytes, and counts the change.
func (a *historyBudget) update(r *Room, how func() (grown int)) {
	before := r.History.Count
	grown := how()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(grown, r.History.Count-before)
}

// countLocked adds to the totals. a.mu is held.
func (a *historyBudget) countLocked(bytes, publications int) {
	a.bytes += bytes
	a.count += publications
}

// evictOldest evicts the oldest publication of r.
func (a *historyBudget) evictOldest(r *Room) {
	freed := r.History.dropOldest()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countLocked(-freed, -1)
	a.evicted++
}

// oldest returns the oldest entry, and whether the histories exceed the budget.
func (a *historyBudget) oldest() (budgetEntry, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes <= a.maxBytes || len(a.order) == 0 {
		return budgetEntry{}, false
	}
	return a.order[0], true
}

// removeFirst removes the first entry of the order. It returns false if another goroutine has removed it.
func (a *historyBudget) removeFirst(m budgetEntry) (passed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.order) == 0 || a.order[0] != m {
		return false
	}
	a.order[0] = budgetEntry{}
	a.order = a.order[1:]
	return true
}

// Counts returns the totals for the metrics: publications and bytes in all histories, and evicted publications.
func (a *historyBudget) Counts() (publications, bytes int, evicted uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count, a.bytes, a.evicted
}

// evict brings the histories back into the budget after a publication in r; nil does nothing. It evicts the oldest publication of r if r
// holds more bytes than the room of the oldest publication of all, else the oldest publication of all. So a few busy rooms cannot empty
// the others. The caller holds no lock.
func (a *historyBudget) evict(r *Room) {
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
		if !a.evictBusy(r, bytes) && a.removeFirst(oldest) {
			a.evictIf(oldest)
		}
	}
}

// evictBusy evicts the oldest publication of r if r has several and more bytes than another room, which has the given number.
func (a *historyBudget) evictBusy(r *Room, bytes int) bool {
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	if bytes == 0 || r.History.Count <= 1 || r.History.Bytes <= bytes {
		return false
	}
	a.evictOldest(r)
	return true
}

// evictIf evicts a publication if it is still the oldest of its room.
func (a *historyBudget) evictIf(m budgetEntry) {
	in := m.room.Stripe
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if m.room.History.first.Load() == m.offset {
		a.evictOldest(m.room)
		a.onEvict(m.room)
	}
}
