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

// messageOverhead is about what a push adds to its data.
const messageOverhead = 64

// Frame is the message for the members of one format, nil where they hear nothing of it. Called on the shards.
// budget is of nanoseconds for deltas.
func (m *Message) Frame(f fanout.Format, budget *int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frames[f] == nil {
		m.frames[f] = m.encode(f, budget)
	}
	return m.frames[f]
}

// codec is that of a format.
func (m *Message) codec(f fanout.Format) *FormatCodec { return &m.Room.Stripe.Hub.formats[f] }

func (m *Message) encode(f fanout.Format, budget *int) []byte {
	switch c := m.codec(f); {
	case m.isPublication():
		return c.Publication(m.Room.Name, &m.Pub, m.prev, budget)
	case c.JoinLeave == nil:
		return nil
	case m.Join != nil:
		return c.JoinLeave(m.Room.Name, m.Join, true)
	default:
		return c.JoinLeave(m.Room.Name, m.Leave, false)
	}
}

func (m *Message) isPublication() bool { return m.Join == nil && m.Leave == nil }

// Whole is a publication for a member that has not heard the one before it.
func (m *Message) Whole(f fanout.Format, budget *int) []byte {
	if !m.isPublication() {
		return nil
	}
	return m.Frame(m.codec(f).Whole, budget)
}

// ReceivedBy says that plain members receive nothing but publications.
func (m *Message) ReceivedBy(f fanout.Format) bool {
	return m.isPublication() || m.codec(f).JoinLeave != nil
}

func (m *Message) Offset() uint64 { return m.Pub.Offset }

func (m *Message) Size() int { return m.Bytes }
