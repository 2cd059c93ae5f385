package chat

import (
	"sync"

	"github.com/throng-chat/throng/server/fanout"
)

// Message is a publication, or a join or leave event, for all members of a room. It is encoded once for each format, when a shard first
// needs that.
type Message struct {
	Room      *Room
	Pub       Publication
	deltaBase *Publication // base of a delta; nil for none
	join      *ClientInfo  // of a join event, else nil
	leave     *ClientInfo  // of a leave event, else nil
	Bytes     int          // estimated size, for the room's backlog

	mu     sync.Mutex // a leaf, held while a frame is made
	frames [maxFormats][]byte
}

// Frame returns the message in a format; nil if members of that format do not receive it. budget is the time left for deltas in
// nanoseconds: Frame subtracts what it uses. Called on the shards.
func (msg *Message) Frame(f fanout.Format, budget *int) []byte {
	msg.mu.Lock()
	defer msg.mu.Unlock()
	if msg.frames[f] == nil {
		msg.frames[f] = msg.encode(f, budget)
	}
	return msg.frames[f]
}

// codec returns the codec of a format.
func (msg *Message) codec(f fanout.Format) *FormatCodec { return &msg.Room.Stripe.Hub.formats[f] }

func (msg *Message) encode(f fanout.Format, budget *int) []byte {
	switch c := msg.codec(f); {
	case msg.isPublication():
		return c.Publication(msg.Room.Name, &msg.Pub, msg.deltaBase, budget)
	case c.JoinLeave == nil:
		return nil
	case msg.join != nil:
		return c.JoinLeave(msg.Room.Name, msg.join, true)
	default:
		return c.JoinLeave(msg.Room.Name, msg.leave, false)
	}
}

func (msg *Message) isPublication() bool { return msg.join == nil && msg.leave == nil }

// Full returns a publication in full, for a member that does not have the base of the delta; nil for an event.
func (msg *Message) Full(f fanout.Format, budget *int) []byte {
	if !msg.isPublication() {
		return nil
	}
	return msg.Frame(msg.codec(f).Full, budget)
}

// ReceivedBy reports whether members of a format receive the message: plain members receive publications only.
func (msg *Message) ReceivedBy(f fanout.Format) bool {
	return msg.isPublication() || msg.codec(f).JoinLeave != nil
}

// Offset returns the offset of a publication in the history; 0 for none.
func (msg *Message) Offset() uint64 { return msg.Pub.Offset }

// Size returns the estimated bytes, for the room's backlog.
func (msg *Message) Size() int { return msg.Bytes }
