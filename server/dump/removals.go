package dump

import (
	"fmt"
	"hash/maphash"

	"github.com/throng-chat/throng/server/record"
)

// MaxRemovals is the limit of redactions, of cleared histories, and of values, about 128 MiB together.
const MaxRemovals = 1 << 20

// removals are the redactions, the cleared histories and the newest values of a log. The log still has what they removed or replaced.
type removals struct {
	seed     maphash.Seed
	redacted map[publication]place // the last redaction
	cleared  map[uint64][]cleared  // by room: later ones have smaller offsets or generations
	clears   int
	values   map[valueName]place // the last change of each value
	ended    map[uint64]place    // of rooms: the values before are removed
}

// valueName is a hash of a room and a key.
type valueName struct{ room, key uint64 }

// publication is an offset of a room.
type publication struct{ room, offset uint64 }

// cleared is a history that was dropped up to an offset.
type cleared struct {
	at         place
	generation uint64
	offset     uint64
}

func newRemovals() *removals {
	return &removals{seed: maphash.MakeSeed(), redacted: map[publication]place{}, cleared: map[uint64][]cleared{}, values: map[valueName]place{}, ended: map[uint64]place{}}
}

// add notes an entry. The error is that there are too many.
func (rm *removals) add(at place, e *record.Entry) error {
	switch e.Kind {
	case record.Redact:
		rm.redacted[publication{maphash.String(rm.seed, e.Room), e.Offset}] = at
	case record.Value:
		if e.Key == "" {
			rm.ended[maphash.String(rm.seed, e.Room)] = at
		} else {
			rm.values[rm.nameOf(e)] = at
		}
	case record.Clear:
		if e.Change {
			rm.ended[maphash.String(rm.seed, e.Room)] = at
		}
		room := maphash.String(rm.seed, e.Room)
		list := rm.cleared[room]
		rm.clears++
		for len(list) > 0 && list[len(list)-1].offset <= e.Offset && list[len(list)-1].generation <= e.Generation {
			list = list[:len(list)-1]
			rm.clears--
		}
		rm.cleared[room] = append(list, cleared{at, e.Generation, e.Offset})
	}
	if len(rm.redacted) > MaxRemovals || rm.clears > MaxRemovals || len(rm.values) > MaxRemovals || len(rm.ended) > MaxRemovals {
		return fmt.Errorf("the log has more than %d redactions, cleared histories or values: an export would need too much memory", MaxRemovals)
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

func (rm *removals) nameOf(e *record.Entry) valueName {
	return valueName{maphash.String(rm.seed, e.Room), maphash.String(rm.seed, e.Key)}
}

// isCurrent reports whether a change of a value is the last one of its key and not a removal.
func (rm *removals) isCurrent(at place, e *record.Entry) bool {
	name := rm.nameOf(e)
	ended, ok := rm.ended[name.room]
	return len(e.Data) > 0 && e.Key != "" && rm.values[name] == at && !(ok && at.before(ended))
}
