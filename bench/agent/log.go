package agent

import "sync/atomic"

// roomLog is the order in which a room heard its messages. Whoever is first to receive a message appends it; everybody
// else compares. It is appended to under the room's lock and read without one: an entry does not change once length
// counts it. It reaches back a window of messages; what is older is forgotten, so that a long run needs no more memory.
type roomLog struct {
	length atomic.Uint64
	chunks []atomic.Pointer[chunk] // a power of two of them
	shift  uint8                   // a chunk holds 1<<shift entries
}

// All rooms of an agent together remember this many messages, but each room no fewer than minWindow.
const (
	allWindows = 1 << 20
	minWindow  = 256
	maxShift   = 10
	minShift   = 4
)

type chunk struct {
	base    uint64
	entries []entry
}

// entry is one message at its place in the room's order: a cache line.
type entry struct {
	words     stampWords // all 0 in a unordered entry, which no delivery equals
	intended  int64
	sent      int64
	publisher uint32
	seq       uint32
}

func (en *entry) unordered() bool { return en.words[0] == 0 }

// newRoomLog is the log of one of so many rooms.
func newRoomLog(rooms int) roomLog {
	window := allWindows
	for window > minWindow && window*rooms > allWindows {
		window /= 2
	}
	shift := maxShift
	for shift > minShift && window>>shift < 1<<maxShift {
		shift--
	}
	return roomLog{chunks: make([]atomic.Pointer[chunk], window>>shift), shift: uint8(shift)}
}

// window is how many messages it reaches back.
func (lg *roomLog) window() uint64 { return uint64(len(lg.chunks)-1) << lg.shift }

// at is the entry at pos, which must be less than length; nil when the log no longer reaches back to it.
func (lg *roomLog) at(pos uint64) *entry {
	c := lg.chunks[pos>>lg.shift&uint64(len(lg.chunks)-1)].Load()
	if c == nil || c.base != pos>>lg.shift {
		return nil
	}
	return &c.entries[pos&(1<<lg.shift-1)]
}

// append puts e behind all others and returns its place.
func (lg *roomLog) append(e entry) uint64 {
	pos := lg.length.Load()
	slot := &lg.chunks[pos>>lg.shift&uint64(len(lg.chunks)-1)]
	if pos&(1<<lg.shift-1) == 0 {
		// Not the old chunk again: somebody far behind may still be reading in it.
		slot.Store(&chunk{base: pos >> lg.shift, entries: make([]entry, 1<<lg.shift)})
	}
	slot.Load().entries[pos&(1<<lg.shift-1)] = e
	lg.length.Store(pos + 1)
	return pos
}

// places is where in its room's log one publisher's messages are. All of them below next are there, in the order of their
// numbers, though an old one's place may be forgotten.
type places struct {
	next  uint32
	first uint32 // the oldest one remembered
	epoch uint32 // the room's, when it was last heard
	at    []uint64
}

// restart takes a publisher up at message seq: what was before was nobody's to hear.
func (ps *places) restart(seq, epoch uint32) {
	if ps.epoch = epoch; seq > ps.next {
		ps.next, ps.first, ps.at = seq, seq, nil
	}
}

// of returns the place of message seq, which must be less than next.
func (ps *places) of(seq uint32) (pos uint64, ok bool) {
	if seq < ps.first {
		return 0, false
	}
	return ps.at[seq-ps.first], true
}

// append notes the place of the next message; what is more than window behind it may be forgotten.
func (ps *places) append(pos, window uint64) {
	if half := len(ps.at) / 2; half >= 32 && ps.at[half]+window < pos {
		ps.at = ps.at[:copy(ps.at, ps.at[half:])]
		ps.first += uint32(half)
	}
	ps.at = append(ps.at, pos)
	ps.next++
}
