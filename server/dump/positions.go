package dump

import (
	"hash/maphash"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
)

// MaxRooms is the limit of rooms whose positions are kept, about 64 MiB.
const MaxRooms = 1 << 20

// positions has the stream position of each room, without its name.
type positions struct {
	seed    maphash.Seed
	trimmed bool // the log lacks its oldest records
	of      map[uint64]position
	over    int // entries of rooms beyond MaxRooms
}

type position struct {
	generation, offset uint64
	least              bool // the offset may be larger: the entries before are removed from the log
}

func newPositions() *positions {
	return &positions{seed: maphash.MakeSeed(), of: map[uint64]position{}}
}

func (ps *positions) key(room string) uint64 { return maphash.String(ps.seed, room) }

// begin begins a scan of a log.
func (ps *positions) begin(first uint64) { ps.trimmed = first > 1 }

// set stores the position of a room, unless there are too many rooms.
func (ps *positions) set(key uint64, at position) {
	if _, ok := ps.of[key]; !ok && len(ps.of) >= MaxRooms {
		ps.over++
		return
	}
	ps.of[key] = at
}

// apply follows an entry as a server does when it starts. ok is false for an entry that does not follow the position of its room, which is
// after. stale is true if a server does not apply the entry at all.
func (ps *positions) apply(e *record.Entry) (after position, ok, stale bool) {
	if e.Room == "" || e.Offset == 0 || e.Kind == record.Redact {
		return position{}, true, false
	}
	key := ps.key(e.Room)
	if _, is := chat.SnapshotOf(e); is {
		return ps.applySnapshot(key, e)
	}
	at, known := ps.of[key]
	to := position{generation: e.Generation, offset: e.Offset}
	ok = true
	switch {
	case e.Kind == record.Clear:
		if known && e.Generation < at.generation {
			return at, true, true // overtaken by a new generation
		}
		to.offset = max(at.offset, e.Offset)
		to.least = ps.trimmed && to.offset == e.Offset
	case !known || e.Generation > at.generation:
	case e.Generation < at.generation, e.Offset <= at.offset:
		return at, false, true
	default:
		ok = e.Offset == at.offset+1 || at.least
	}
	ps.set(key, to)
	return at, ok, false
}

// applySnapshot is apply for a message as it stands. Its entry has the position of its room, and is none of the publications.
func (ps *positions) applySnapshot(key uint64, e *record.Entry) (after position, ok, stale bool) {
	at, known := ps.of[key]
	switch {
	case known && e.Generation < at.generation:
		return at, true, true
	case known && e.Generation == at.generation && e.Offset <= at.offset:
		return at, true, false
	}
	ps.set(key, position{generation: e.Generation, offset: max(at.offset, e.Offset)})
	return at, !known || at.least || e.Generation > at.generation, false
}
