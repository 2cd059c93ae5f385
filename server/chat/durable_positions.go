package chat

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/recent"
	"github.com/throng-chat/throng/server/wheel"
)

// durablePositions has the stream positions of durable rooms that are released, and the generation of rooms without a position. All of it is
// in the log. Any goroutine may call its methods; for a room with an entry in the room table, it holds the room's lock.
type durablePositions struct {
	seed maphash.Seed

	mu         sync.Mutex // a leaf
	stored     recent.Table[durablePosition]
	generation uint64 // of rooms without a position: never used before by one of them
	dropped    uint64 // positions that were dropped: expired, or beyond maxDurablePositions

	randomBits int // of a generation: several nodes may raise it at the same time. Constant
}

// maxDurablePositions is the limit of released durable rooms with a position.
const maxDurablePositions = 1 << 17

// durablePosition is the position of a released room.
type durablePosition struct {
	name       string
	generation uint64
	fork       fork
	offset     uint64
	newest     uint64 // number of the newest record with an entry of the room
	releasedAt wheel.Tick
}

func newDurablePositions(randomBits int) *durablePositions {
	return &durablePositions{seed: maphash.MakeSeed(), stored: recent.Table[durablePosition]{Max: maxDurablePositions}, randomBits: randomBits}
}

// reset forgets all positions, and that there was a generation.
func (dp *durablePositions) reset() {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	dp.stored, dp.generation = recent.Table[durablePosition]{Max: maxDurablePositions}, 0
}

// get returns the position of a room that is not in the room table; ok is false if its position is offset 0 of the current generation.
func (dp *durablePositions) get(room string) (at durablePosition, ok bool) {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	if p := dp.stored.Get(maphash.String(dp.seed, room)); p != nil {
		return *p, true
	}
	return durablePosition{generation: dp.generation}, false
}

// take is get for a room that is created: the room owns its position from then on.
func (dp *durablePositions) take(room string) (at durablePosition, ok bool) {
	at, ok = dp.get(room)
	if ok {
		dp.mu.Lock()
		defer dp.mu.Unlock()
		dp.stored.Remove(maphash.String(dp.seed, room))
	}
	return at, ok
}

// store stores the position of a released room.
func (dp *durablePositions) store(at durablePosition, now wheel.Tick) {
	at.releasedAt = now
	dp.mu.Lock()
	defer dp.mu.Unlock()
	if _, full := dp.stored.Put(maphash.String(dp.seed, at.name), at); full {
		dp.drop()
	}
}

// drop counts a dropped position. Its room begins again with a generation that it did not have. dp.mu is held.
func (dp *durablePositions) drop() {
	dp.dropped++
	dp.raise()
}

// raise returns a new generation, which rooms without a position have from now on. It is a time if that is larger than the last one: so it
// is new even if a generation was lost with its record. dp.mu is held.
func (dp *durablePositions) raise() uint64 {
	random := rand.Uint64N(1 << dp.randomBits)
	dp.generation = max(dp.generation+1, uint64(time.Now().UnixMilli())<<dp.randomBits|random)
	return dp.generation
}

// Raise is raise for a caller without the lock.
func (dp *durablePositions) Raise() uint64 {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	return dp.raise()
}

// current returns the generation of rooms without a position; 0 before the first.
func (dp *durablePositions) current() uint64 {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	return dp.generation
}

// found notes a generation in the log.
func (dp *durablePositions) found(generation uint64) {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	dp.generation = max(dp.generation, generation)
}

// expire drops positions older than positionTTL, at most maxExpiredPerTick.
func (dp *durablePositions) expire(now wheel.Tick) {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	for range maxExpiredPerTick {
		if oldest := dp.stored.First(); oldest == nil || now < oldest.releasedAt+fanout.InTicks(positionTTL) {
			return
		}
		dp.stored.RemoveOldest()
		dp.drop()
	}
}

// all returns the stored positions for which want is true.
func (dp *durablePositions) all(want func(*durablePosition) bool) (list []durablePosition) {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	dp.stored.All(func(p *durablePosition) {
		if want(p) {
			list = append(list, *p)
		}
	})
	return list
}

// counts returns the number of stored positions and of dropped ones.
func (dp *durablePositions) counts() (stored int, dropped uint64) {
	dp.mu.Lock()
	defer dp.mu.Unlock()
	return dp.stored.Count, dp.dropped
}
