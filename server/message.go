package server

import "sync"

// message is what all members of a room are to hear: encoded when the first member needs it, once for each encoding.
type message struct {
	room  *room
	pub   publication
	prev  *publication // what a delta is made against; nil for none
	join  *clientInfo  // not a publication, but somebody who came
	leave *clientInfo  // or went
	bytes int          // about: what the room's backlog counts

	mu     sync.Mutex // a leaf, held while a frame is made
	frames [encodingsOfMessage][]byte
}

// messageOverhead is about what a push adds to its data.
const messageOverhead = 64

// frame is the message for the members of one encoding, nil where they hear nothing of it. Called on the shards.
// budget is of nanoseconds for deltas.
func (m *message) frame(f format, budget *int) []byte {
	e := encoding(f)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frames[e] == nil {
		m.frames[e] = m.encode(e, budget)
	}
	return m.frames[e]
}

func (m *message) encode(e encoding, budget *int) []byte {
	switch {
	case m.isPublication():
		return encodePublication(m.room.name, &m.pub, m.prev, e, budget)
	case m.join != nil:
		return encodeJoin(m.room.name, m.join, e)
	}
	return encodeLeave(m.room.name, m.leave, e)
}

func (m *message) isPublication() bool { return m.join == nil && m.leave == nil }

// whole is a publication for a member that has not heard the one before it.
func (m *message) whole(f format, budget *int) []byte {
	if !m.isPublication() {
		return nil
	}
	switch encoding(f) {
	case jsonDeltaEncoding:
		return m.frame(format(jsonFullEncoding), budget)
	case protobufDeltaEncoding:
		return m.frame(format(protobufEncoding), budget)
	}
	return m.frame(f, budget)
}

// receivedBy says that plain members receive nothing but publications.
func (m *message) receivedBy(f format) bool {
	return m.isPublication() || encoding(f) != plainEncoding
}

func (m *message) offset() uint64 { return m.pub.offset }

func (m *message) size() int { return m.bytes }
