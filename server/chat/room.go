package chat

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// roomBacklog is the backlog limit of a room, in bytes per shard. Beyond it, backpressure pauses the room's publishers.
const roomBacklog = 128 << 10

// Room is a room with members or history. Each shard has topics with its members, one for each format, so a large room uses all cores.
type Room struct {
	wheel.Links[Room] // guarded by Stripe.Mu
	fanout.Audience   // its topics are guarded by Stripe.Mu

	// Constant after NewRoom.
	Stripe *Stripe

	options atomic.Pointer[Options] // never nil; replaced under Stripe.Mu

	// Guarded by Stripe.Mu.
	Members   int
	remote    int // members on other nodes that the presence lists
	Presence  Presence
	History   History
	version   Version         // of the last publication with one
	events    *joinLeaveQueue // nil before the first event
	DeltaBase *Publication    // base of the next delta; nil for none, or if the options have no delta
	scheduled bool            // in Stripe.retention
	durable   *durableRoom    // nil for a room in memory; the pointer is constant after the room is in the room table
	talk      *talkRoom       // nil for a room of another kind; the pointer is constant
	listeners []*Listener     // of the program that contains the server
}

// WheelLinks implements the interface of the timing wheel.
func (r *Room) WheelLinks() *wheel.Links[Room] { return &r.Links }

// NewRoom returns a room without members that is not in the room table.
func NewRoom(in *Stripe, name string, options *Options, shards int) *Room {
	r := &Room{Stripe: in, talk: newTalkRoom(name, options)}
	r.options.Store(options)
	r.Audience.Name, r.Audience.Owner, r.Audience.Mu, r.Audience.Limit = name, r, &in.Mu, roomBacklog*int64(shards)
	return r
}

// Options returns the options of now. Any goroutine may call it. They stay the same while the room's lock is held.
func (r *Room) Options() *Options { return r.options.Load() }

// inUse reports whether a room has members, of any node, or listeners. The room's lock is held.
func (r *Room) inUse() bool { return r.Members+r.remote > 0 || len(r.listeners) > 0 }

// receives reports whether a room has members of this node, listeners or feeds. The room's lock is held.
func (r *Room) receives() bool {
	return r.Members > 0 || len(r.listeners) > 0 || r.Stripe.Hub.RoomFeeds.want(r.Name)
}

// hasOnlyPlainMembers reports whether a room has only plain members without compression, no listener, no feed, no history and no deltas. The room's lock
// is held.
func (r *Room) hasOnlyPlainMembers() bool {
	if o := r.Options(); o.HistorySize > 0 || o.Delta || len(r.listeners) > 0 || r.Stripe.Hub.RoomFeeds.want(r.Name) {
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

// isEmpty reports whether the room has neither publications nor messages. The room's lock is held.
func (r *Room) isEmpty() bool { return r.History.Count == 0 && r.talk.isEmpty() }

// talksLonger reports whether a chat room has a message that is older than all publications in its history. The room's lock is held.
func (r *Room) talksLonger() bool {
	return r.talk != nil && !r.talk.isEmpty() && r.talk.oldest().offset < r.History.firstOffset()
}

// firstKept returns the offset of the oldest publication or message; without one, that of the next publication. The room's lock is held.
func (r *Room) firstKept() uint64 {
	if r.talksLonger() {
		return r.talk.oldest().offset
	}
	return r.History.firstOffset()
}

// dropOldest drops the oldest publication, or a message that is older, of a room that is not empty. In a chat room it drops the publication and
// keeps its message while the publications have more than their share: changes evict no message. It returns the growth of the history in bytes.
// The room's lock is held.
func (r *Room) dropOldest() (grown int) {
	switch {
	case r.overShare():
		return -r.History.dropOldest()
	case r.talksLonger():
		return r.History.grow(r.talk.dropOldest())
	}
	grown = r.History.grow(r.talk.dropTo(r.History.firstOffset()))
	return grown - r.History.dropOldest()
}

// overShare reports whether the publications of a chat room have more than a quarter of its bytes; the messages have the others. The room's lock
// is held.
func (r *Room) overShare() bool {
	return r.History.Count > 0 && !r.talk.isEmpty() && 3*r.History.Bytes > 4*r.talk.bytes()
}

// redactContent removes the content of publications from the history, and returns its growth in bytes. The room's lock is held.
func (r *Room) redactContent(offsets []uint64) (grown int) {
	for _, offset := range offsets {
		if p := r.History.Find(offset); p != nil {
			grown += r.History.replace(p, redactedData(p))
		}
	}
	return grown
}

// oldest returns the time of the oldest publication or message of a room that is not empty. The room's lock is held.
func (r *Room) oldest() wheel.Tick {
	if r.talksLonger() {
		return r.talk.oldest().at
	}
	return r.History.At(0).At
}

// releaseRecords ends the references of a durable room to records whose publications the history has dropped. The room's lock is held.
func (r *Room) releaseRecords() {
	if r.durable != nil {
		r.durable.release(r.History.firstOffset(), r.History.LastOffset)
	}
}

// HistoryTTL returns the history TTL.
func (r *Room) HistoryTTL() wheel.Tick { return fanout.InTicks(r.Options().HistoryTTL) }
