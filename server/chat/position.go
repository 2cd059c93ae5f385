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

// Position is a place in a room's history.
type Position struct {
	Offset uint64
	Epoch  string
}

// A position outlives the publications it counts: a client that heard everything is told so when it comes back, also long after
// the room was forgotten.

const (
	MaxPositions  = 1 << 18 // rooms; of more, those that were of use longest ago go first
	PositionLasts = 30 * 24 * time.Hour

	ExpiredAtOnce = 4096 // positions of one tick, while everybody waits
)

// positions are those of rooms that have no members and no publications left, and the epochs of rooms in which nothing was
// published. The methods may be called by any goroutine; those of one room by who holds its lock.
type positions struct {
	seed maphash.Seed

	Mu    sync.Mutex // a leaf
	Kept  recent.Table[KeptPosition]
	lives lives
	Lost  uint64 // how many were dropped, for want of room or after their time
}

type KeptPosition struct {
	epoch uint64
	top   uint64
	at    wheel.Tick // when the room was forgotten
}

func NewPositions() *positions {
	return &positions{seed: maphash.MakeSeed(), Kept: recent.Table[KeptPosition]{Most: MaxPositions}}
}

func (p *positions) keyOf(room string) uint64 { return maphash.String(p.seed, room) }

// Of returns the position of a room that is not there: the kept one, or the beginning of the room's next life. That epoch is a
// function of the name and of how many lives of it were lost, so a room in which nothing was published needs no entry.
func (p *positions) Of(room string) Position {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.find(p.keyOf(room))
}

// find is the position of a room by its key. p.mu is held.
func (p *positions) find(key uint64) Position {
	if k := p.Kept.Get(key); k != nil {
		return Position{k.top, epochText(k.epoch)}
	}
	return Position{0, epochText(maphash.Comparable(p.seed, [2]uint64{key, uint64(p.lives.of(key))}))}
}

// take returns the position of a room that begins, and forgets it: the room keeps it from now on.
func (p *positions) take(room string) Position {
	key := p.keyOf(room)
	p.Mu.Lock()
	defer p.Mu.Unlock()
	at := p.find(key)
	p.Kept.Remove(key)
	return at
}

// Keep remembers where a room was that is forgotten.
func (p *positions) Keep(room string, at Position, now wheel.Tick) {
	epoch, err := strconv.ParseUint(at.Epoch, epochBase, 64)
	if err != nil {
		panic("an epoch of ours is no number: " + at.Epoch)
	}
	p.Mu.Lock()
	defer p.Mu.Unlock()
	if dropped, full := p.Kept.Put(p.keyOf(room), KeptPosition{epoch, at.Offset, now}); full {
		p.lose(dropped)
	}
}

// Expire drops positions that have had their time.
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

// Counts are how many positions are kept, and how many were dropped.
func (p *positions) Counts() (kept int, lost uint64) {
	p.Mu.Lock()
	defer p.Mu.Unlock()
	return p.Kept.Count, p.Lost
}

// lose ends a life of a room: the next one has another epoch. p.mu is held.
func (p *positions) lose(key uint64) {
	p.Lost++
	p.lives.end(key)
}

const epochBase = 36

func epochText(epoch uint64) string { return strconv.FormatUint(epoch, epochBase) }

// lives counts how many lives of a room were lost, in a fixed size for any number of rooms (a count-min sketch: Cormode and
// Muthukrishnan, 2005). The count of a room always changes when it loses a life. That of another room changes with it only
// if both share all of their counters.
type lives struct {
	counters []uint32 // nil until the first loss
}

const (
	livesRows = 4
	livesRow  = 1 << 16 // counters, which take 1 MiB in all
)

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

func (l *lives) end(key uint64) {
	if l.counters == nil {
		l.counters = make([]uint32, livesRows*livesRow)
	}
	for row := range livesRows {
		l.counters[livesAt(key, row)]++
	}
}

// livesAt is the counter of a key in a row: 16 bits of the key for each.
func livesAt(key uint64, row int) int { return row*livesRow + int(key>>(16*row)&(livesRow-1)) }
