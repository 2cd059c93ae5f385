package server

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// history is what a room remembers: its newest publications, bounded in number and age by the room's options, and the
// position up to which it was told. Guarded by stripe.mu of the room, but for first.
type history struct {
	ring  []publication
	head  int // of the oldest
	count int
	of    [3]int // of count, how many are messages, notices, changes
	top   uint64 // the offset of the newest publication ever; offsets count from 1
	epoch string // offsets of two epochs do not compare. Empty where the room has no history
	bytes int

	first atomic.Uint64 // the offset of the oldest, 0 for none
}

// position is a place in a room's history.
type position struct {
	offset uint64
	epoch  string
}

// What memory costs beyond the data of publications, about.
const (
	remembered     = 160     // a publication
	rememberedRoom = 1 << 10 // a room that remembers any
)

func (h *history) position() position { return position{h.top, h.epoch} }

// noticesPerMessage is how many notices a history keeps beside each of its messages. A message has one notice at most, and only
// those of twice as many messages can stand behind a message that is kept: so no notice takes the place of a message that was
// not redacted itself.
const noticesPerMessage = 2

// changesPerMessage is how many changes of messages (edits, deletions, reactions) a history keeps beside each of its messages.
// Only where there are more does a change take the place of the oldest publication.
const changesPerMessage = 4

// add gives p its offset and remembers it. A message takes the place of the oldest message if there are most already; notices
// and changes have places of their own. It returns by how many bytes the history grew.
func (h *history) add(p *publication, most int) (grown int) {
	h.top++
	p.offset = h.top
	of, places := h.kind(p, most)
	for *of >= places {
		grown -= h.dropOldest()
	}
	*of++
	if h.count == len(h.ring) {
		size := max(2*len(h.ring), 4)
		if most > len(h.ring) {
			size = min(size, most) // there may never be a notice or a change
		}
		bigger := make([]publication, min(size, (1+noticesPerMessage+changesPerMessage)*most))
		for i := range h.count {
			bigger[i] = *h.at(i)
		}
		h.ring, h.head = bigger, 0
	}
	*h.at(h.count) = *p
	h.count++
	h.first.Store(h.top - uint64(h.count) + 1)
	size := p.cost() + remembered
	if h.count == 1 {
		size += rememberedRoom
	}
	h.bytes += size
	return grown + size
}

// kind is the counter of publications like p, and how many of them there may be in a history of most messages.
func (h *history) kind(p *publication, most int) (of *int, places int) {
	switch {
	case p.change:
		return &h.of[2], changesPerMessage * most
	case p.notice:
		return &h.of[1], noticesPerMessage * most
	}
	return &h.of[0], most
}

// at is the i-th publication from the oldest.
func (h *history) at(i int) *publication { return &h.ring[(h.head+i)%len(h.ring)] }

// find is the publication with that offset, nil where it is not remembered.
func (h *history) find(offset uint64) *publication {
	first := h.top - uint64(h.count) + 1
	if offset < first || offset > h.top {
		return nil
	}
	return h.at(int(offset - first))
}

// redact forgets what a publication says, but not that there is one, nor whose it is. It returns by how many bytes the
// history grew.
func (h *history) redact(p *publication) (grown int) {
	grown = -p.cost()
	p.data, p.form, p.tags = redacted, formJSON, nil
	grown += p.cost()
	h.bytes += grown
	return grown
}

// dropOldest forgets one publication and returns its size.
func (h *history) dropOldest() int {
	oldest := h.at(0)
	size := oldest.cost() + remembered
	of, _ := h.kind(oldest, 0)
	*of--
	*oldest = publication{}
	h.head = (h.head + 1) % len(h.ring)
	h.count--
	if h.count == 0 {
		h.ring, h.head = nil, 0
		size += rememberedRoom
		h.first.Store(0)
	} else {
		h.first.Store(h.top - uint64(h.count) + 1)
	}
	h.bytes -= size
	return size
}

// expire forgets what was said before a moment and returns how many bytes that frees.
func (h *history) expire(before wheel.Tick) (freed int) {
	for h.count > 0 && h.at(0).at < before {
		freed += h.dropOldest()
	}
	return freed
}

// clear forgets all, but not the position.
func (h *history) clear() (freed int) {
	for h.count > 0 {
		freed += h.dropOldest()
	}
	return freed
}

// missed is everything behind a position, in order; ok is false where not all of it is remembered, or where it is more
// than so many publications or bytes.
func (h *history) missed(from position, most, mostBytes int) (pubs []publication, bytes int, ok bool) {
	if from.epoch != "" && from.epoch != h.epoch || from.offset > h.top {
		return nil, 0, false
	}
	n := h.top - from.offset
	if n > uint64(h.count) || n > uint64(most) {
		return nil, 0, false
	}
	for i := h.count - int(n); i < h.count; i++ {
		p := h.at(i)
		if bytes += p.Size() + remembered; bytes > mostBytes {
			return nil, 0, false
		}
		pubs = append(pubs, *p)
	}
	return pubs, bytes, true
}

// page is a part of the history: at most so many publications (-1 for all, 0 for none) behind since, or before it where it
// is reversed; since nil begins at the oldest, reversed at the newest. It ends with the first that makes it so many bytes.
func (h *history) page(since *position, limit, mostBytes int, reverse bool) (pubs []publication) {
	if limit < 0 || limit > h.count {
		limit = h.count
	}
	if limit == 0 {
		return nil
	}
	first := h.top - uint64(h.count) + 1 // the offset of the oldest
	from, to := 0, h.count
	switch {
	case since == nil:
	case !reverse:
		if since.offset >= first {
			from = int(min(since.offset-first+1, uint64(h.count)))
		}
	default:
		to = 0
		if since.offset > first {
			to = int(min(since.offset-first, uint64(h.count)))
		}
	}
	bytes := 0
	for n := min(to-from, limit); n > 0 && bytes < mostBytes; n-- {
		i := from
		if reverse {
			to--
			i = to
		} else {
			from++
		}
		p := h.at(i)
		bytes += p.Size() + remembered
		pubs = append(pubs, *p)
	}
	return pubs
}

// maxHistoryPage is how many publications one answer has at most; to a client it ends earlier, with the one that makes it half of max-unsent.
const maxHistoryPage = 300

// read is a page of a room's history, and its newest position. since is as for page, with an empty epoch for whichever it is now.
func (h *hub) read(room string, since *position, limit, mostBytes int, reverse bool) ([]publication, position, *rejection) {
	if limit < 0 || limit > maxHistoryPage {
		limit = maxHistoryPage
	}
	r, unlock := h.rooms.find(room)
	defer unlock()
	var at position
	if r != nil {
		h.expireLocked(r)
		at = r.history.position()
	} else {
		at = h.positions.of(room)
	}
	switch {
	case since == nil:
	case since.epoch != "" && since.epoch != at.epoch:
		return nil, position{}, rejectUnrecoverable
	case reverse && since.offset == 0:
		return nil, position{}, rejectInvalid
	}
	if r == nil {
		return nil, at, nil
	}
	return r.history.page(since, limit, mostBytes, reverse), at, nil
}

// clearHistory forgets what was said in a room, but not up to where: who has heard all of it has missed nothing.
func (h *hub) clearHistory(name string) {
	r, unlock := h.rooms.find(name)
	defer unlock()
	if r != nil {
		h.archive.clear(r)
		h.tidyLocked(r)
	}
}

// keepLocked sees to it that a room which remembers something is looked after, whether it has members or not. The room's lock is held.
func (h *hub) keepLocked(r *room) {
	if !r.kept {
		r.kept = true
		r.stripe.ages.File(r, h.Clock.Tick()+r.memory())
	}
}

// forgetLocked forgets a room that nobody is in and that has nothing left but its position. The room's lock is held.
func (h *hub) forgetLocked(r *room) {
	delete(r.stripe.rooms, r.Name)
	r.stripe.ages.Remove(r)
	r.kept = false
	if r.history.top > 0 {
		h.positions.keep(r.Name, r.history.position(), h.Clock.Tick())
	}
}

// memory is how long a publication is remembered.
func (r *room) memory() wheel.Tick { return fanout.InTicks(r.options.HistoryTTL) }

// expireLocked forgets what is too old. The room's lock is held.
func (h *hub) expireLocked(r *room) {
	if now := h.Clock.Tick(); now > r.memory() {
		h.archive.expire(r, now-r.memory())
	}
}

// age looks after the rooms whose oldest publication has had its time, and after positions. Called on the heartbeat.
func (h *hub) age(now wheel.Tick) {
	h.positions.expire(now)
	h.rooms.each(func(in *stripe) { h.ageLocked(in, now) })
}

func (h *hub) ageLocked(in *stripe, now wheel.Tick) {
	in.aged = in.ages.Advance(now, in.aged[:0])
	for i, r := range in.aged {
		in.aged[i] = nil
		r.kept = false
		h.expireLocked(r)
		switch {
		case r.history.count > 0:
			r.kept = true
			in.ages.File(r, r.history.at(0).at+r.memory()+1)
		case r.members > 0:
			// Whoever leaves last has it kept.
		default:
			h.forgetLocked(r)
		}
	}
}
