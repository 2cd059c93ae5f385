package chat

import (
	"sync"

	"github.com/throng-chat/throng/server/fanout"
)

// Message is what all members of a room are to hear: encoded when the first member needs it, once for each format.
type Message struct {
	Room  *Room
	Pub   Publication
	prev  *Publication // what a delta is made against; nil for none
	Join  *ClientInfo  // not a publication, but somebody who came
	Leave *ClientInfo  // or went
	Bytes int          // about: what the room's backlog counts

	mu     sync.Mutex // a leaf, held while a frame is made
	frames [maxFormats][]byte
}

// Frame is the message for the members of one format, nil where they hear nothing of it. Called on the shards.
// budget is of nanoseconds for deltas.
func (msg *Message) Frame(f fanout.Format, budget *int) []byte {
	msg.mu.Lock()
	defer msg.mu.Unlock()
	if msg.frames[f] == nil {
		msg.frames[f] = msg.encode(f, budget)
	}
	return msg.frames[f]
}

// codec is that of a format.
func (msg *Message) codec(f fanout.Format) *FormatCodec { return &msg.Room.Stripe.Hub.formats[f] }

func (msg *Message) encode(f fanout.Format, budget *int) []byte {
	switch c := msg.codec(f); {
	case msg.isPublication():
		return c.Publication(msg.Room.Name, &msg.Pub, msg.prev, budget)
	case c.JoinLeave == nil:
		return nil
	case msg.Join != nil:
		return c.JoinLeave(msg.Room.Name, msg.Join, true)
	default:
		return c.JoinLeave(msg.Room.Name, msg.Leave, false)
	}
}

func (msg *Message) isPublication() bool { return msg.Join == nil && msg.Leave == nil }

// Whole is a publication for a member that has not heard the one before it.
func (msg *Message) Whole(f fanout.Format, budget *int) []byte {
	if !msg.isPublication() {
		return nil
	}
	return msg.Frame(msg.codec(f).Whole, budget)
}

// ReceivedBy says that plain members receive nothing but publications.
func (msg *Message) ReceivedBy(f fanout.Format) bool {
	return msg.isPublication() || msg.codec(f).JoinLeave != nil
}

func (msg *Message) Offset() uint64 { return msg.Pub.Offset }

func (msg *Message) Size() int { return msg.Bytes }
