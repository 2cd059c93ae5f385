package server

import (
	"sync"

	"github.com/throng-chat/throng/server/fanout"
)

// message is what all members of a room are to hear: encoded when the first member needs it, once for each format.
type message struct {
	room  *room
	pub   publication
	prev  *publication // what a delta is made against; nil for none
	join  *clientInfo  // not a publication, but somebody who came
	leave *clientInfo  // or went
	bytes int          // about: what the room's backlog counts

	mu     sync.Mutex // a leaf, held while a frame is made
	frames [maxFormats][]byte
}

// messageOverhead is about what a push adds to its data.
const messageOverhead = 64

// Frame is the message for the members of one format, nil where they hear nothing of it. Called on the shards.
// budget is of nanoseconds for deltas.
func (m *message) Frame(f fanout.Format, budget *int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frames[f] == nil {
		m.frames[f] = m.encode(f, budget)
	}
	return m.frames[f]
}

// codec is that of a format.
func (m *message) codec(f fanout.Format) *formatCodec { return &m.room.stripe.hub.formats[f] }

func (m *message) encode(f fanout.Format, budget *int) []byte {
	switch c := m.codec(f); {
	case m.isPublication():
		return c.publication(m.room.Name, &m.pub, m.prev, budget)
	case c.joinLeave == nil:
		return nil
	case m.join != nil:
		return c.joinLeave(m.room.Name, m.join, true)
	default:
		return c.joinLeave(m.room.Name, m.leave, false)
	}
}

func (m *message) isPublication() bool { return m.join == nil && m.leave == nil }

// Whole is a publication for a member that has not heard the one before it.
func (m *message) Whole(f fanout.Format, budget *int) []byte {
	if !m.isPublication() {
		return nil
	}
	return m.Frame(m.codec(f).whole, budget)
}

// ReceivedBy says that plain members receive nothing but publications.
func (m *message) ReceivedBy(f fanout.Format) bool {
	return m.isPublication() || m.codec(f).joinLeave != nil
}

func (m *message) Offset() uint64 { return m.pub.offset }

func (m *message) Size() int { return m.bytes }
