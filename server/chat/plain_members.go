package chat

import "github.com/throng-chat/throng/server/fanout"

// Plain members have no identity: a room counts them only.

// ReservePlain counts a plain client as a member of a room before the reply to its handshake. ok is false if the room is full. The
// reservation is nil if the room has no limit of members. Pass it to JoinPlain, or return it with ReleasePlain.
func (h *Hub) ReservePlain(roomName string) (reservation *Room, ok bool) {
	v := h.RoomRef(roomName)
	limit := v.Options.MaxMembers
	if limit == 0 {
		return nil, true
	}
	in := h.Rooms.StripeOf(roomName)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r := h.roomOfRefLocked(in, v)
	if r.fullLocked(limit) != nil {
		h.releaseLocked(r)
		return nil, false
	}
	h.addMemberLocked(r, 1)
	return r, true
}

// ReleasePlain returns a reservation that was not used; nil does nothing.
func (h *Hub) ReleasePlain(reservation *Room) {
	if reservation == nil {
		return
	}
	reservation.Stripe.Mu.Lock()
	defer reservation.Stripe.Mu.Unlock()
	h.addMemberLocked(reservation, -1)
	h.releaseLocked(reservation)
}

// JoinPlain makes a plain client a member of a room and posts it to its shard. The shard writes hello, the reply to the handshake, then the
// publications of the option rewind, and after them every message that is posted to the room from now on. early has the bytes that the client sent before the reply. The caller has
// reserved a connection (fanout.Core). f is PlainFormat, with or without compression. reservation is the result of ReservePlain.
func (h *Hub) JoinPlain(m *fanout.Member, name string, f fanout.Format, reservation *Room, hello, early []byte) {
	in := h.Rooms.StripeOf(name)
	in.Mu.Lock()
	r := reservation
	if r == nil {
		r = h.RoomLocked(in, name)
		h.addMemberLocked(r, 1)
	}
	m.Topic = r.TopicLocked(m.Conn.Shard, f)
	m.Topic.Members++
	h.Watchers.Note(ClientConnected, m.Conn, "", nil)
	h.Watchers.Note(ClientJoined, m.Conn, r.Name, nil)
	wake := h.Register(m.Conn, m, hello, early)
	if r.Options().Rewind > 0 {
		wake |= h.rewindPlainLocked(r, m.Conn)
	}
	in.Mu.Unlock()
	h.Wake(wake)
}

// LeavePlain ends the membership of a plain client.
func (h *Hub) LeavePlain(m *fanout.Member) {
	r := RoomOfMember(m)
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	h.addMemberLocked(r, -1)
	m.Topic.Members--
	h.Watchers.Note(ClientLeft, m.Conn, r.Name, nil)
	h.Watchers.Note(ClientDisconnected, m.Conn, "", nil)
	h.releaseLocked(r)
}

// RoomOfMember returns the room of a member.
func RoomOfMember(m *fanout.Member) *Room { return m.Topic.Audience.Owner.(*Room) }
