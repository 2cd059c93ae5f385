package chat

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
	stripes [StripesOfRooms]Stripe
}

// StripesOfRooms is at most 64: enter holds a set of stripes in the bits of a word.
const StripesOfRooms = 64

// Stripe is the rooms whose names share a hash. Its lock is the order of each of them: a message gets its place, and is posted to the
// shards, under it. Only leaves are taken under it. Who needs several stripes takes them in ascending order (rooms.lock).
type Stripe struct {
	index int  // constant
	Hub   *Hub // constant

	Mu          sync.Mutex
	Rooms       map[string]*Room
	Unannounced []*Room // where joins and leaves wait to be sent
	ages        *wheel.Wheel[Room, *Room]
	aged        []*Room

	_ [64]byte // no two locks in one cache line
}

func newRooms(h *Hub) *rooms {
	t := &rooms{seed: maphash.MakeSeed()}
	for i := range t.stripes {
		t.stripes[i].index, t.stripes[i].Hub = i, h
		t.stripes[i].Rooms = map[string]*Room{}
		t.stripes[i].ages = wheel.New[Room, *Room](fanout.WheelSlots)
	}
	return t
}

// StripeOf is where a room of that name is.
func (t *rooms) StripeOf(name string) *Stripe {
	return &t.stripes[maphash.String(t.seed, name)%StripesOfRooms]
}

// Find locks the stripe of a room and returns the room, nil for none, and unlock, which the caller has to call.
func (t *rooms) Find(name string) (r *Room, unlock func()) {
	in := t.StripeOf(name)
	in.Mu.Lock()
	return in.Rooms[name], in.Mu.Unlock
}

// Each calls do with every stripe, one after another, while its lock is held.
func (t *rooms) Each(do func(*Stripe)) {
	for i := range t.stripes {
		in := &t.stripes[i]
		in.Mu.Lock()
		do(in)
		in.Mu.Unlock()
	}
}

// Count is how many rooms there are.
func (t *rooms) Count() (n int) {
	t.Each(func(in *Stripe) { n += len(in.Rooms) })
	return n
}

// lock locks a set of stripes, a bit each, in ascending order: two callers do not wait for each other.
func (t *rooms) lock(set uint64) {
	for ; set != 0; set &= set - 1 {
		t.stripes[bits.TrailingZeros64(set)].Mu.Lock()
	}
}

func (t *rooms) unlock(set uint64) {
	for ; set != 0; set &= set - 1 {
		t.stripes[bits.TrailingZeros64(set)].Mu.Unlock()
	}
}

// Inhabited are the rooms that have members, and how many.
func (h *Hub) Inhabited() []InhabitedRoom {
	rooms := make([]InhabitedRoom, 0, h.Rooms.Count()) // it hardly grows while a stripe is locked
	h.Rooms.Each(func(in *Stripe) {
		for name, r := range in.Rooms {
			if r.Members > 0 {
				rooms = append(rooms, InhabitedRoom{name, r.Members})
			}
		}
	})
	return rooms
}

type InhabitedRoom struct {
	Name    string
	Members int
}
