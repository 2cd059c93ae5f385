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

// StreamPosition is a position in the sequence of publications of a room with a history.
type StreamPosition struct {
	Offset uint64
	Epoch  string
}

// Stream positions are kept longer than publications and rooms: a client that has received everything recovers long after its room was
// released.

const (
	MaxPositions = 1 << 18 // rooms; beyond it the room that was released first loses its position
	positionTTL  = 30 * 24 * time.Hour

	maxExpiredPerTick = 4096 // positions per tick: expire holds the lock meanwhile
)

// positionTable has the stream positions of released rooms, and computes the epochs of rooms without publications. Any goroutine may call
// its methods; for a room with an entry in the room table, it holds the room's lock.
type positionTable struct {
	seed maphash.Seed

	mu         sync.Mutex // a leaf
	Stored     recent.Table[storedPosition]
	dropCounts countSketch
	Dropped    uint64 // positions that were dropped: expired, beyond MaxPositions, or because a reload may have ended their history
}

// storedPosition is the position of a released room.
type storedPosition struct {
	epoch      uint64
	offset     uint64
	releasedAt wheel.Tick // when the room was released
}

// newPositionTable returns a table without positions.
func newPositionTable() *positionTable {
	return &positionTable{seed: maphash.MakeSeed(), Stored: recent.Table[storedPosition]{Max: MaxPositions}}
}

func (p *positionTable) keyOf(room string) uint64 { return maphash.String(p.seed, room) }

// Get returns the position of a room that is not in the room table: the stored one, or offset 0 of a new epoch. The new epoch is a function of
// the name and of the number of lost positions of that name, so a room without publications needs no entry.
func (p *positionTable) Get(room string) StreamPosition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(p.keyOf(room))
}

// find is Get by key. p.mu is held.
func (p *positionTable) find(key uint64) StreamPosition {
	if k := p.Stored.Get(key); k != nil {
		return StreamPosition{k.offset, epochText(k.epoch)}
	}
	return StreamPosition{0, epochText(maphash.Comparable(p.seed, [2]uint64{key, uint64(p.dropCounts.count(key))}))}
}

// take removes and returns the position of a room that is created: the room owns it from then on.
func (p *positionTable) take(room string) StreamPosition {
	key := p.keyOf(room)
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.find(key)
	p.Stored.Remove(key)
	return at
}

// store stores the position of a room that is released.
func (p *positionTable) store(room string, at StreamPosition, now wheel.Tick) {
	epoch, err := strconv.ParseUint(at.Epoch, epochBase, 64)
	if err != nil {
		panic("chat: epoch is not a number: " + at.Epoch)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if dropped, full := p.Stored.Put(p.keyOf(room), storedPosition{epoch, at.Offset, now}); full {
		p.drop(dropped)
	}
}

// forget makes the next epoch of a room a new one. A room whose history ends has publications without offsets until it has another history.
func (p *positionTable) forget(room string) {
	key := p.keyOf(room)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Stored.Remove(key)
	p.dropCounts.increment(key)
}

// dropAll drops the positions that are stored now, some at a time: the lock is held for maxExpiredPerTick of them.
func (p *positionTable) dropAll() {
	rest, _ := p.Counts()
	for rest > 0 {
		p.mu.Lock()
		n := min(rest, maxExpiredPerTick, p.Stored.Count)
		for range n {
			p.drop(p.Stored.RemoveOldest())
		}
		p.mu.Unlock()
		if n == 0 {
			return
		}
		rest -= n
	}
}

// expire drops positions older than positionTTL, at most maxExpiredPerTick.
func (p *positionTable) expire(now wheel.Tick) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range maxExpiredPerTick {
		if oldest := p.Stored.First(); oldest == nil || now < oldest.releasedAt+fanout.InTicks(positionTTL) {
			return
		}
		p.drop(p.Stored.RemoveOldest())
	}
}

// Counts returns the number of stored positions and of dropped ones.
func (p *positionTable) Counts() (stored int, dropped uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Stored.Count, p.Dropped
}

// drop counts a dropped position: the next epoch of that room is a new one. p.mu is held.
func (p *positionTable) drop(key uint64) {
	p.Dropped++
	p.dropCounts.increment(key)
}

const epochBase = 36

func epochText(epoch uint64) string { return strconv.FormatUint(epoch, epochBase) }

// countSketch counts the lost positions of each room, in a fixed size for any number of rooms. It is a count-min sketch (Cormode and
// Muthukrishnan, 2005). The count of a room changes with each loss. The count of another room changes with it only if both share all
// counters.
type countSketch struct {
	counters []uint32 // nil until the first loss
}

const (
	sketchRows    = 4
	sketchColumns = 1 << 16 // counters per row: 1 MiB in all
)

// count returns the count of a key.
func (l *countSketch) count(key uint64) uint32 {
	if l.counters == nil {
		return 0
	}
	least := l.counters[sketchIndex(key, 0)]
	for row := 1; row < sketchRows; row++ {
		least = min(least, l.counters[sketchIndex(key, row)])
	}
	return least
}

// increment increments the count of a key.
func (l *countSketch) increment(key uint64) {
	if l.counters == nil {
		l.counters = make([]uint32, sketchRows*sketchColumns)
	}
	for row := range sketchRows {
		l.counters[sketchIndex(key, row)]++
	}
}

// sketchIndex returns the index of a key's counter in a row; each row uses 16 bits of the key.
func sketchIndex(key uint64, row int) int {
	return row*sketchColumns + int(key>>(16*row)&(sketchColumns-1))
}
