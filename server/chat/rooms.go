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

// StripesOfRooms is at most 64: JoinRooms holds a set of stripes in the bits of a word.
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

// roomBacklog is how many bytes a room may be behind, for each shard, before its talkers are paused.
const roomBacklog = 128 << 10

// Room is a name and the connections that hear each other. Its members are spread over the shards, so that one huge room
// uses every core, and over the encodings.
type Room struct {
	wheel.Links[Room] // guarded by Stripe.Mu
	fanout.Audience   // its topics are guarded by Stripe.Mu

	// Constant after NewRoom.
	Stripe  *Stripe
	Options *RoomOptions

	// Guarded by Stripe.Mu.
	Members int
	Present Presence
	History History
	version Version      // of the newest publication that told one
	Events  *joinLeave   // nil before the first join, and where the options have no join-leave
	Last    *Publication // what the next delta is made against, where the options allow deltas; nil for none
	kept    bool         // filed in stripe.ages
}

// WheelLinks lets the wheel file a room.
func (r *Room) WheelLinks() *wheel.Links[Room] { return &r.Links }

func NewRoom(in *Stripe, name string, options *RoomOptions, shards int) *Room {
	r := &Room{Stripe: in, Options: options}
	r.Audience.Name, r.Audience.Owner, r.Audience.Mu, r.Audience.Limit = name, r, &in.Mu, roomBacklog*int64(shards)
	return r
}

// onlyPlain says whether the room is nothing but its plain members. The room's lock is held.
func (r *Room) onlyPlain() bool {
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
		if t.Format == PlainFormat {
			n += t.Members
		}
	}
	return n
}

// Memory is how long a publication is remembered.
func (r *Room) Memory() wheel.Tick { return fanout.InTicks(r.Options.HistoryTTL) }
