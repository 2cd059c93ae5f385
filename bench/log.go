package bench

import "sync/atomic"

// roomLog is the order in which a room heard its messages. Whoever is first to receive a message appends it; everybody
// else compares. It is appended to under the verifier's lock and read without one: an entry does not change once length
// counts it. It reaches back window messages; what is older is forgotten, so that a long run needs no more memory.
type roomLog struct {
	length atomic.Uint64
	chunks [logChunks]atomic.Pointer[chunk]
}

const (
	chunkLen  = 1 << 10
	logChunks = 1 << 10
	window    = chunkLen * (logChunks - 1)
)

type chunk struct {
	base    uint64
	entries [chunkLen]entry
}

// entry is one message at its place in the room's order: a cache line.
type entry struct {
	words     stampWords // all 0 in a floating entry, which no delivery equals
	intended  int64
	publisher uint32
	seq       uint32
}

func (e *entry) floating() bool { return e.words[0] == 0 }

// at is the entry at pos, which must be less than length; nil when the log no longer reaches back to it.
func (l *roomLog) at(pos uint64) *entry {
	c := l.chunks[pos/chunkLen%logChunks].Load()
	if c == nil || c.base != pos&^(chunkLen-1) {
		return nil
	}
	return &c.entries[pos%chunkLen]
}

// append puts e behind all others and returns its place.
func (l *roomLog) append(e entry) uint64 {
	pos := l.length.Load()
	slot := &l.chunks[pos/chunkLen%logChunks]
	if pos%chunkLen == 0 {
		// Not the old chunk again: somebody far behind may still be reading in it.
		slot.Store(&chunk{base: pos})
	}
	slot.Load().entries[pos%chunkLen] = e
	l.length.Store(pos + 1)
	return pos
}

// places is where in the log one publisher's messages are. All of them below next are there, in the order of their numbers,
// though an old one's place may be forgotten.
type places struct {
	next  uint32
	first uint32 // the oldest one remembered
	at    []uint64
}

// of returns the place of message seq, which must be less than next.
func (p *places) of(seq uint32) (pos uint64, ok bool) {
	if seq < p.first {
		return 0, false
	}
	return p.at[seq-p.first], true
}

func (p *places) append(pos uint64) {
	if half := len(p.at) / 2; half >= 512 && p.at[half]+window < pos {
		p.at = p.at[:copy(p.at, p.at[half:])]
		p.first += uint32(half)
	}
	p.at = append(p.at, pos)
	p.next++
}
