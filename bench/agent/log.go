package agent

import "sync/atomic"

// roomLog is the order in which a room received its messages. The first member that receives a message appends it; the others compare.
// Appending needs the room's lock, reading needs none: an entry does not change once length includes it. The log keeps a window of messages
// and forgets older ones, so the memory of a long run is bounded.
type roomLog struct {
	length atomic.Uint64
	chunks []atomic.Pointer[chunk] // their number is a power of two
	shift  uint8                   // a chunk holds 1<<shift entries
}

// The rooms of an agent share allWindows messages, but each room keeps at least minWindow.
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

// entry is one message at its place in the room's order. It fills one cache line.
type entry struct {
	words     stampWords // all 0 in an unordered entry, which equals no delivery
	intended  int64
	sent      int64
	publisher uint32
	seq       uint32
}

func (en *entry) unordered() bool { return en.words[0] == 0 }

// newRoomLog returns an empty log for one of rooms rooms.
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

// window returns the number of messages that the log keeps.
func (lg *roomLog) window() uint64 { return uint64(len(lg.chunks)-1) << lg.shift }

// at returns the entry at pos, which must be less than length. It returns nil if the log has forgotten it.
func (lg *roomLog) at(pos uint64) *entry {
	c := lg.chunks[pos>>lg.shift&uint64(len(lg.chunks)-1)].Load()
	if c == nil || c.base != pos>>lg.shift {
		return nil
	}
	return &c.entries[pos&(1<<lg.shift-1)]
}

// append adds e at the end and returns its place.
func (lg *roomLog) append(e entry) uint64 {
	pos := lg.length.Load()
	slot := &lg.chunks[pos>>lg.shift&uint64(len(lg.chunks)-1)]
	if pos&(1<<lg.shift-1) == 0 {
		// The old chunk is not reused: a member that is far behind may still read it.
		slot.Store(&chunk{base: pos >> lg.shift, entries: make([]entry, 1<<lg.shift)})
	}
	slot.Load().entries[pos&(1<<lg.shift-1)] = e
	lg.length.Store(pos + 1)
	return pos
}

// places holds the places of one publisher's messages in the room's log, in sequence order. It has all of them below next, but may have
// forgotten old ones.
type places struct {
	next  uint32
	first uint32 // the oldest message that is not forgotten
	epoch uint32 // the room's epoch at the last received message
	at    []uint64
}

// restart begins again at message seq: the room had no member for the messages before it.
func (ps *places) restart(seq, epoch uint32) {
	if ps.epoch = epoch; seq > ps.next {
		ps.next, ps.first, ps.at = seq, seq, nil
	}
}

// of returns the place of message seq, which must be less than next. It returns false if the place is forgotten.
func (ps *places) of(seq uint32) (pos uint64, ok bool) {
	if seq < ps.first {
		return 0, false
	}
	return ps.at[seq-ps.first], true
}

// append records the place of the next message. It may forget places that are more than window behind pos.
func (ps *places) append(pos, window uint64) {
	if half := len(ps.at) / 2; half >= 32 && ps.at[half]+window < pos {
		ps.at = ps.at[:copy(ps.at, ps.at[half:])]
		ps.first += uint32(half)
	}
	ps.at = append(ps.at, pos)
	ps.next++
}
