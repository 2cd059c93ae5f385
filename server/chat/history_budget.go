package chat

import (
	"slices"
	"sync"

	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/wheel"
)

// historyBudget is the history budget: it bounds the bytes of all histories together, and evicts the oldest publications when they exceed it.
// The caller of a method with a room holds the room's lock. evict, evictBusy, evictIf and resize take it themselves: their caller holds no lock.
type historyBudget struct {
	mu       sync.Mutex // a leaf
	maxBytes int
	bytes    int
	count    int
	evicted  uint64        // publications
	order    []budgetEntry // the oldest first; includes publications that their room has dropped
}

type budgetEntry struct {
	room   *Room
	offset uint64
}

// Append appends p to the history of r. The histories may exceed the budget until the caller calls evict.
func (hb *historyBudget) Append(r *Room, p *Publication) {
	before := r.History.Count
	grown := r.History.add(p, r.Options().HistorySize)
	r.releaseRecords()
	hb.mu.Lock()
	defer hb.mu.Unlock()
	hb.countLocked(grown, r.History.Count-before)
	hb.order = append(hb.order, budgetEntry{r, p.Offset})
	if len(hb.order) > 2*hb.count+1024 {
		hb.order = slices.DeleteFunc(hb.order, func(m budgetEntry) bool {
			first := m.room.History.first.Load()
			return first == 0 || m.offset < first
		})
	}
}

// Redact removes the content of a publication of r.
func (hb *historyBudget) Redact(r *Room, p *Publication) {
	hb.update(r, func() int { return r.History.redact(p) })
}

// expire drops the publications of r from before a tick.
func (hb *historyBudget) expire(r *Room, before wheel.Tick) {
	hb.update(r, func() int { return r.History.grow(r.talk.expire(before)) - r.History.expire(before) })
}

// Clear drops all publications of r.
func (hb *historyBudget) Clear(r *Room) { hb.ClearTo(r, r.History.LastOffset) }

// ClearTo drops the publications of r up to an offset.
func (hb *historyBudget) ClearTo(r *Room, offset uint64) {
	hb.update(r, func() int { return r.History.grow(r.talk.dropTo(offset)) - r.History.clearTo(offset) })
}

// shrink drops the oldest publications of r until they fit into a history of maxMessages messages.
func (hb *historyBudget) shrink(r *Room, maxMessages int) {
	hb.update(r, func() int { return r.History.grow(r.talk.shrink(maxMessages)) - r.History.shrink(maxMessages) })
}

// hold notes a publication that is proposed in a chat room; releaseItem ends that, if it is not committed.
func (hb *historyBudget) hold(r *Room, p timeline.Published, e *timeline.Entry) {
	hb.update(r, func() int { return r.History.grow(r.talk.timeline.Hold(p, e)) })
}

func (hb *historyBudget) releaseItem(r *Room, offset uint64, e *timeline.Entry) {
	hb.update(r, func() int { return r.History.grow(r.talk.timeline.Release(offset, e)) })
}

// Fold applies a publication of the history to the messages of a chat room.
func (hb *historyBudget) Fold(r *Room, p *Publication, e *timeline.Entry) {
	hb.update(r, func() int {
		r.talk.timeline.ForgetRing(r.History.firstOffset())
		grown, redact := r.talk.apply(p, e, r.Options().HistorySize)
		return r.History.grow(grown) + r.redactContent(redact)
	})
}

// redactContent removes the content of publications from the history of a chat room.
func (hb *historyBudget) redactContent(r *Room, offsets []uint64) {
	hb.update(r, func() int { return r.redactContent(offsets) })
}

// update calls how, which changes the history of r and returns its growth in bytes, and counts the change.
func (hb *historyBudget) update(r *Room, how func() (grown int)) {
	before := r.History.Count
	grown := how()
	r.releaseRecords()
	hb.mu.Lock()
	defer hb.mu.Unlock()
	hb.countLocked(grown, r.History.Count-before)
	if r.talk != nil && r.History.Count == 0 {
		hb.standInLocked(r)
	}
}

// standInLocked keeps an entry in the order for a chat room without publications: that of its newest message. hb.mu is held.
func (hb *historyBudget) standInLocked(r *Room) {
	newest := r.talk.newest().offset
	if newest == r.History.first.Load() {
		return
	}
	r.History.first.Store(newest)
	if newest > 0 {
		hb.order = append(hb.order, budgetEntry{r, newest})
	}
}

// countLocked adds to the totals. hb.mu is held.
func (hb *historyBudget) countLocked(bytes, publications int) {
	hb.bytes += bytes
	hb.count += publications
}

// evictOldest evicts the oldest publication of r, or a message that is older.
func (hb *historyBudget) evictOldest(r *Room) {
	before := r.History.Count
	grown := r.dropOldest()
	r.releaseRecords()
	hb.mu.Lock()
	defer hb.mu.Unlock()
	hb.countLocked(grown, r.History.Count-before)
	hb.evicted++
	if r.talk != nil && r.History.Count == 0 {
		hb.standInLocked(r)
	}
}

// oldest returns the oldest entry, and whether the histories exceed the budget.
func (hb *historyBudget) oldest() (budgetEntry, bool) {
	hb.mu.Lock()
	defer hb.mu.Unlock()
	if hb.bytes <= hb.maxBytes || len(hb.order) == 0 {
		return budgetEntry{}, false
	}
	return hb.order[0], true
}

// removeFirst removes the first entry of the order. It returns false if another goroutine has removed it.
func (hb *historyBudget) removeFirst(m budgetEntry) (passed bool) {
	hb.mu.Lock()
	defer hb.mu.Unlock()
	if len(hb.order) == 0 || hb.order[0] != m {
		return false
	}
	hb.order[0] = budgetEntry{}
	hb.order = hb.order[1:]
	return true
}

// Counts returns the totals for the metrics: publications and bytes in all histories, and evicted publications.
func (hb *historyBudget) Counts() (publications, bytes int, evicted uint64) {
	hb.mu.Lock()
	defer hb.mu.Unlock()
	return hb.count, hb.bytes, hb.evicted
}

// evict brings the histories back into the budget after a publication in r; nil does nothing. It evicts the oldest publication of r if r
// holds more bytes than the room of the oldest publication of all, else the oldest publication of all. So a few busy rooms cannot empty
// the others. release is called with the room of the oldest publication, under its lock, after that publication is evicted. The caller holds
// no lock.
func (hb *historyBudget) evict(r *Room, release func(*Room)) {
	if r == nil || r.Options().HistorySize == 0 {
		return
	}
	for {
		oldest, over := hb.oldest()
		if !over {
			return
		}
		in := oldest.room.Stripe
		in.Mu.Lock()
		bytes := oldest.room.History.Bytes
		in.Mu.Unlock()
		if !hb.evictBusy(r, bytes) && !hb.evictMessages(oldest) && hb.removeFirst(oldest) {
			hb.evictIf(oldest, release)
		}
	}
}

// messagesAtOnce is the number of messages that are evicted under one lock.
const messagesAtOnce = 64

// evictMessages evicts messages of a chat room that are older than a publication. It returns false if there are none.
func (hb *historyBudget) evictMessages(before budgetEntry) (evicted bool) {
	r := before.room
	if r.talk == nil {
		return false
	}
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	for range messagesAtOnce {
		if r.overShare() || !r.talksLonger() || r.talk.oldest().offset >= before.offset {
			break
		}
		hb.evictOldest(r)
		evicted = true
	}
	return evicted
}

// evictBusy evicts the oldest publication of r if r has several and more bytes than another room, which has the given number.
func (hb *historyBudget) evictBusy(r *Room, bytes int) bool {
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	if bytes == 0 || r.History.Count <= 1 && !r.talksLonger() || r.History.Bytes <= bytes {
		return false
	}
	hb.evictOldest(r)
	return true
}

// evictIf evicts a publication if it is still the oldest of its room, and then calls release.
func (hb *historyBudget) evictIf(m budgetEntry, release func(*Room)) {
	in := m.room.Stripe
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if m.room.History.first.Load() == m.offset {
		hb.evictOldest(m.room)
		release(m.room)
	}
}

// resize replaces the budget, and evicts the oldest publications until the histories are within it. release is called as by evict. The caller
// holds no lock; the locks that it takes are held for one publication at a time.
func (hb *historyBudget) resize(maxBytes int, release func(*Room)) {
	hb.mu.Lock()
	hb.maxBytes = maxBytes
	hb.mu.Unlock()
	for {
		oldest, over := hb.oldest()
		if !over {
			return
		}
		if !hb.evictMessages(oldest) && hb.removeFirst(oldest) {
			hb.evictIf(oldest, release)
		}
	}
}
