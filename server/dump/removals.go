package dump

import (
	"fmt"
	"hash/maphash"

	"github.com/throng-chat/throng/server/record"
)

// MaxRemovals is the limit of redactions, and of cleared histories, about 128 MiB together.
const MaxRemovals = 1 << 20

// removals are the redactions and the cleared histories of a log. The log still has what they removed.
type removals struct {
	seed     maphash.Seed
	redacted map[publication]place // the last redaction
	cleared  map[uint64][]cleared  // by room: later ones have smaller offsets or generations
	clears   int
}

// publication is an offset of a room.
type publication struct{ room, offset uint64 }

// cleared is a history that was dropped up to an offset.
type cleared struct {
	at         place
	generation uint64
	offset     uint64
}

func newRemovals() *removals {
	return &removals{seed: maphash.MakeSeed(), redacted: map[publication]place{}, cleared: map[uint64][]cleared{}}
}

// add notes an entry. The error is that there are too many.
func (rm *removals) add(at place, e *record.Entry) error {
	switch e.Kind {
	case record.Redact:
		rm.redacted[publication{maphash.String(rm.seed, e.Room), e.Offset}] = at
	case record.Clear:
		room := maphash.String(rm.seed, e.Room)
		list := rm.cleared[room]
		rm.clears++
		for len(list) > 0 && list[len(list)-1].offset <= e.Offset && list[len(list)-1].generation <= e.Generation {
			list = list[:len(list)-1]
			rm.clears--
		}
		rm.cleared[room] = append(list, cleared{at, e.Generation, e.Offset})
	}
	if len(rm.redacted) > MaxRemovals || rm.clears > MaxRemovals {
		return fmt.Errorf("the log has more than %d redactions or cleared histories: an export would need too much memory", MaxRemovals)
	}
	return nil
}

// isRedacted reports whether a publication was redacted later.
func (rm *removals) isRedacted(at place, e *record.Entry) bool {
	later, ok := rm.redacted[publication{maphash.String(rm.seed, e.Room), e.Offset}]
	return ok && at.before(later)
}

// isCleared reports whether a publication was dropped later.
func (rm *removals) isCleared(at place, e *record.Entry) bool {
	for _, c := range rm.cleared[maphash.String(rm.seed, e.Room)] {
		if at.before(c.at) && e.Offset <= c.offset && e.Generation <= c.generation {
			return true
		}
	}
	return false
}
