package chat

import (
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/recent"
	"github.com/throng-chat/throng/server/wheel"
)

// Position is a stream position: a place in the sequence of publications of a room with a history.
type Position struct {
	Offset uint64
	Epoch  string
}

// Stream positions are kept longer than publications and rooms: a client that has received everything recovers long after its room was
// released.

const (
	MaxPositions  = 1 << 18 // rooms; beyond it the room that was released first loses its position
	PositionLasts = 30 * 24 * time.Hour

	ExpiredAtOnce = 4096 // positions per tick: Expire holds the lock
)

// positions has the stream positions of released rooms, and computes the epochs of rooms without publications. Any goroutine may call
// its methods; for a room with an entry in the room table, it holds the room's lock.
type positions struct {
	seed maphash.Seed

	Mu    sync.Mutex // a leaf
	Kept  recent.Table[KeptPosition]
	lives lives
	Lost  uint64 // positions that were dropped: expired, or beyond MaxPositions
}

// KeptPosition is the position of a released room.
type KeptPosition struct {
	epoch uint64
	top   uint64
	at    wheel.Tick // release of the room
}

// NewPositions returns a table without positions.
func NewPositions() *positions {
	return &positions{seed: maphash.MakeSeed(), Kept: recent.Table[KeptPosition]{Most: MaxPositions}}
}

func (p *positions) keyOf(room string) uint64 { return maphash.String(p.seed, room) }

// Kinds returns the position of a room that is not in the room table: the stored one, or offset 0 of a new epoch. The new epoch is a function of
// the name and of the number of lost positions of that name, so a room without publications needs no entry.
func (p *positions) Of(room string) Position {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.find(p.keyOf(room))
}

// find is Of by key. p.Mu is held.
func (p *positions) find(key uint64) Position {
	if k := p.Kept.Get(key); k != nil {
		return Position{k.top, epochText(k.epoch)}
	}
	return Position{0, epochText(maphash.Comparable(p.seed, [2]uint64{key, uint64(p.lives.of(key))}))}
}

// take removes and returns the position of a room that is created: the room owns it from then on.
func (p *positions) take(room string) Position {
	key := p.keyOf(room)
	p.Mu.Lock()
	defer p.Mu.Unlock()
	at := p.find(key)
	p.Kept.Remove(key)
	return at
}

// Keep stores the position of a room that is released.
func (p *positions) Keep(room string, at Position, now wheel.Tick) {
	epoch, err := strconv.ParseUint(at.Epoch, epochBase, 64)
	if err != nil {
		panic("chat: epoch is not a number: " + at.Epoch)
	}
	p.Mu.Lock()
	defer p.Mu.Unlock()
	if dropped, full := p.Kept.Put(p.keyOf(room), KeptPosition{epoch, at.Offset, now}); full {
		p.lose(dropped)
	}
}

// Expire drops positions older than PositionLasts, at most ExpiredAtOnce.
func (p *positions) Expire(now wheel.Tick) {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	for range ExpiredAtOnce {
		if oldest := p.Kept.First(); oldest == nil || now < oldest.at+fanout.InTicks(PositionLasts) {
			return
		}
		p.lose(p.Kept.RemoveOldest())
	}
}

// Counts returns the number of stored positions and of dropped ones.
func (p *positions) Counts() (kept int, lost uint64) {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.Kept.Count, p.Lost
}

// lose counts a dropped position: the next epoch of that room is a new one. p.Mu is held.
func (p *positions) lose(key uint64) {
	p.Lost++
	p.lives.end(key)
}

const epochBase = 36

func epochText(epoch uint64) string { return strconv.FormatUint(epoch, epochBase) }

// lives counts the lost positions of each room, in a fixed size for any number of rooms. It is a count-min sketch (Cormode and
// Muthukrishnan, 2005). The count of a room changes with each loss. The count of another room changes with it only if both share all
// counters.
type lives struct {
	counters []uint32 // nil until the first loss
}

const (
	livesRows = 4
	livesRow  = 1 << 16 // counters per row: 1 MiB in all
)

// of returns the count of a key.
func (l *lives) of(key uint64) uint32 {
	if l.counters == nil {
		return 0
	}
	least := l.counters[livesAt(key, 0)]
	for row := 1; row < livesRows; row++ {
		least = min(least, l.counters[livesAt(key, row)])
	}
	return least
}

// end increments the count of a key.
func (l *lives) end(key uint64) {
	if l.counters == nil {
		l.counters = make([]uint32, livesRows*livesRow)
	}
	for row := range livesRows {
		l.counters[livesAt(key, row)]++
	}
}

// livesAt returns the index of a key's counter in a row; each row uses 16 bits of the key.
func livesAt(key uint64, row int) int { return row*livesRow + int(key>>(16*row)&(livesRow-1)) }
