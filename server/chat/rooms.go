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
	withEvents []*Room // with queued join and leave events
	retention  *wheel.Wheel[Room, *Room]
	due        []*Room

	_ [64]byte // separates the locks by a cache line
}

func newRooms(h *Hub) *rooms {
	t := &rooms{seed: maphash.MakeSeed()}
	for i := range t.stripes {
		t.stripes[i].index, t.stripes[i].Hub = i, h
		t.stripes[i].rooms = map[string]*Room{}
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

// roomBacklog is the backlog limit of a room, in bytes per shard. Beyond it, backpressure pauses the room's publishers.
const roomBacklog = 128 << 10

// Room is a room with members or history. Each shard has topics with its members, one for each format, so a large room uses all cores.
type Room struct {
	wheel.Links[Room] // guarded by Stripe.Mu
	fanout.Audience   // its topics are guarded by Stripe.Mu

	// Constant after NewRoom.
	Stripe  *Stripe
	Options *RoomOptions

	// Guarded by Stripe.Mu.
	Members   int
	Presence  Presence
	History   History
	version   Version         // of the last publication with one
	events    *joinLeaveQueue // nil before the first event
	DeltaBase *Publication    // base of the next delta; nil for none, or if the options have no delta
	scheduled bool            // in Stripe.retention
}

// WheelLinks implements the interface of the timing wheel.
func (r *Room) WheelLinks() *wheel.Links[Room] { return &r.Links }

// NewRoom returns a room without members that is not in the room table.
func NewRoom(in *Stripe, name string, options *RoomOptions, shards int) *Room {
	r := &Room{Stripe: in, Options: options}
	r.Audience.Name, r.Audience.Owner, r.Audience.Mu, r.Audience.Limit = name, r, &in.Mu, roomBacklog*int64(shards)
	return r
}

// hasOnlyPlainMembers reports whether a room has only plain members without compression, no history and no deltas. The room's lock is held.
func (r *Room) hasOnlyPlainMembers() bool {
	if r.Options.HistorySize > 0 || r.Options.Delta {
		return false
	}
	for _, p := range r.Topics {
		if p.Format != PlainFormat && p.Members > 0 {
			return false
		}
	}
	return true
}

// plainMembers counts the plain members of a room. The room's lock is held.
func (r *Room) plainMembers() (n int) {
	for _, t := range r.Topics {
		if t.Format.Encoding() == PlainFormat {
			n += t.Members
		}
	}
	return n
}

// HistoryTTL returns the history TTL.
func (r *Room) HistoryTTL() wheel.Tick { return fanout.InTicks(r.Options.HistoryTTL) }
