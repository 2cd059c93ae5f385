package server

import "sync"

// message is what all members of a room are to hear: encoded when the first member needs it, once for each encoding.
type message struct {
	room  *room
	pub   publication
	prev  *publication // what a delta is made against; nil for none
	join  *clientInfo  // not a publication, but somebody who came
	leave *clientInfo  // or went
	size  int          // bytes, about: what the room's backlog counts

	mu     sync.Mutex // a leaf, held while a frame is made
	frames [encodingsOfMessage][]byte
}

// messageOverhead is about what a push adds to its data.
const messageOverhead = 64

// frame is the message for the members of one encoding, nil where they hear nothing of it. Called on the shards.
// budget is of nanoseconds for deltas.
func (m *message) frame(e encoding, budget *int) []byte {
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
	case e == plainEncoding:
		return nil
	case m.join != nil:
		return encodeJoin(m.room.name, m.join, e)
	}
	return encodeLeave(m.room.name, m.leave, e)
}

func (m *message) isPublication() bool { return m.join == nil && m.leave == nil }

// first is the message for a member that has not heard the publication before it.
func (m *message) first(e encoding, budget *int) []byte {
	switch e {
	case jsonDeltaEncoding:
		return m.frame(jsonFullEncoding, budget)
	case protobufDeltaEncoding:
		return m.frame(protobufEncoding, budget)
	}
	return m.frame(e, budget)
}
