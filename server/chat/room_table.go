package chat

import (
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// rooms is the room table. A hash of the name assigns each room to a stripe, so that busy rooms do not wait for each other. Any goroutine
// may use it.
type rooms struct {
	seed    maphash.Seed
	stripes [stripesOfRooms]Stripe
}

// stripesOfRooms is the number of stripes. JoinRooms has a set of stripes in the bits of a uint64, so 64 is the maximum.
const stripesOfRooms = 64

// Stripe has the rooms whose names share a hash. Its lock protects the order of each: a message gets its offset and is posted to the shards
// under it. Only leaf locks are taken under it. To hold several stripes, lock them in ascending order (rooms.lock).
type Stripe struct {
	index int  // constant
	Hub   *Hub // constant

	Mu         sync.Mutex
	rooms      map[string]*Room
	values     map[string]*roomValues      // by room, which need not be in rooms
	elsewhere  map[string][]countElsewhere // members on other nodes, by room, which need not be in rooms
	noted      []*Room                     // chat rooms with messages for the notifier
	withEvents []*Room                     // with queued join and leave events
	retention  *wheel.Wheel[Room, *Room]
	due        []*Room

	_ [64]byte // separates the locks by a cache line
}

func newRooms(h *Hub) *rooms {
	t := &rooms{seed: maphash.MakeSeed()}
	for i := range t.stripes {
		t.stripes[i].index, t.stripes[i].Hub = i, h
		t.stripes[i].rooms, t.stripes[i].values = map[string]*Room{}, map[string]*roomValues{}
		t.stripes[i].elsewhere = map[string][]countElsewhere{}
		t.stripes[i].retention = wheel.New[Room, *Room](fanout.WheelSlots)
	}
	return t
}

// StripeOf returns the stripe of a name.
func (t *rooms) StripeOf(name string) *Stripe {
	return &t.stripes[maphash.String(t.seed, name)%stripesOfRooms]
}

// Find locks the stripe of a name. It returns the room, nil if there is none, and unlock: the caller must call it.
func (t *rooms) Find(name string) (r *Room, unlock func()) {
	in := t.StripeOf(name)
	in.Mu.Lock()
	return in.rooms[name], in.Mu.Unlock
}

// each calls do with each stripe, under its lock.
func (t *rooms) each(do func(*Stripe)) {
	for i := range t.stripes {
		in := &t.stripes[i]
		in.Mu.Lock()
		do(in)
		in.Mu.Unlock()
	}
}

// Count returns the number of rooms.
func (t *rooms) Count() (n int) {
	t.each(func(in *Stripe) { n += len(in.rooms) })
	return n
}

// lock locks a set of stripes, one bit each. The ascending order prevents deadlocks.
func (t *rooms) lock(set uint64) {
	for ; set != 0; set &= set - 1 {
		t.stripes[bits.TrailingZeros64(set)].Mu.Lock()
	}
}

// unlock unlocks a set of stripes.
func (t *rooms) unlock(set uint64) {
	for ; set != 0; set &= set - 1 {
		t.stripes[bits.TrailingZeros64(set)].Mu.Unlock()
	}
}
