package server

import (
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// rooms is the room table. It is divided into stripes by a hash of the room's name, so that busy rooms do not wait for each other.
type rooms struct {
	seed    maphash.Seed
	stripes [stripesOfRooms]stripe
}

// stripesOfRooms is at most 64: enter holds a set of stripes in the bits of a word.
const stripesOfRooms = 64

// stripe is the rooms whose names share a hash. Its lock is the order of each of them: a message gets its place, and is posted to the
// shards, under it. Only leaves are taken under it. Who needs several stripes takes them in ascending order (rooms.lock).
type stripe struct {
	index int  // constant
	hub   *hub // constant

	mu          sync.Mutex
	rooms       map[string]*room
	unannounced []*room // where joins and leaves wait to be sent
	ages        *wheel.Wheel[room, *room]
	aged        []*room

	_ [64]byte // no two locks in one cache line
}

func newRooms(h *hub) *rooms {
	t := &rooms{seed: maphash.MakeSeed()}
	for i := range t.stripes {
		t.stripes[i].index, t.stripes[i].hub = i, h
		t.stripes[i].rooms = map[string]*room{}
		t.stripes[i].ages = wheel.New[room, *room](fanout.WheelSlots)
	}
	return t
}

// stripeOf is where a room of that name is.
func (t *rooms) stripeOf(name string) *stripe {
	return &t.stripes[maphash.String(t.seed, name)%stripesOfRooms]
}

// find locks the stripe of a room and returns the room, nil for none, and unlock, which the caller has to call.
func (t *rooms) find(name string) (r *room, unlock func()) {
	in := t.stripeOf(name)
	in.mu.Lock()
	return in.rooms[name], in.mu.Unlock
}

// each calls do with every stripe, one after another, while its lock is held.
func (t *rooms) each(do func(*stripe)) {
	for i := range t.stripes {
		in := &t.stripes[i]
		in.mu.Lock()
		do(in)
		in.mu.Unlock()
	}
}

// count is how many rooms there are.
func (t *rooms) count() (n int) {
	t.each(func(in *stripe) { n += len(in.rooms) })
	return n
}

// lock locks a set of stripes, a bit each, in ascending order: two callers do not wait for each other.
func (t *rooms) lock(set uint64) {
	for ; set != 0; set &= set - 1 {
		t.stripes[bits.TrailingZeros64(set)].mu.Lock()
	}
}

func (t *rooms) unlock(set uint64) {
	for ; set != 0; set &= set - 1 {
		t.stripes[bits.TrailingZeros64(set)].mu.Unlock()
	}
}

// inhabited are the rooms that have members, and how many.
func (h *hub) inhabited() []inhabitedRoom {
	rooms := make([]inhabitedRoom, 0, h.rooms.count()) // it hardly grows while a stripe is locked
	h.rooms.each(func(in *stripe) {
		for name, r := range in.rooms {
			if r.members > 0 {
				rooms = append(rooms, inhabitedRoom{name, r.members})
			}
		}
	})
	return rooms
}

type inhabitedRoom struct {
	name    string
	members int
}
