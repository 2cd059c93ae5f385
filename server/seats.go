package server

import "github.com/throng-chat/throng/server/fanout"

// Plain clients in a room: they are counted, and have no identity.

// plainFormat is how a plain client receives its room: what was published, as it was published.
const plainFormat fanout.Format = 0

// reserveSeat counts a plain client as a member of a room before its handshake is answered. ok is false if the room is full.
// The seat is nil if the room has no limit of members. Return an unused seat with releaseSeat.
func (h *hub) reserveSeat(roomName string) (seat *room, ok bool) {
	most := h.optionsOf(roomName).MaxMembers
	if most == 0 {
		return nil, true
	}
	in := h.rooms.stripeOf(roomName)
	in.mu.Lock()
	defer in.mu.Unlock()
	r := h.roomLocked(in, roomName)
	if r.members >= most {
		h.tidyLocked(r)
		return nil, false
	}
	r.members++
	return r, true
}

func (h *hub) releaseSeat(seat *room) {
	if seat == nil {
		return
	}
	seat.stripe.mu.Lock()
	defer seat.stripe.mu.Unlock()
	seat.members--
	h.tidyLocked(seat)
}

// joinPlain makes a plain client a member of a room and posts it to its shard. hello, the answer to its handshake, is the first thing it is
// sent; what is posted to the room after joinPlain comes behind it. early is what the client sent ahead of our answer. The caller has
// reserved a place, and, where the room's members are limited, one in the room: its seat, else nil.
func (h *hub) joinPlain(m *fanout.Member, name string, seat *room, hello, early []byte) {
	in := h.rooms.stripeOf(name)
	in.mu.Lock()
	r := seat
	if r == nil {
		r = h.roomLocked(in, name)
		r.members++
	}
	m.Topic = r.TopicLocked(m.Conn.Shard, plainFormat)
	m.Topic.Members++
	wake := h.Welcome(m.Conn, m, hello, early)
	in.mu.Unlock()
	h.Wake(wake)
}

// leavePlain takes a plain client out of its room.
func (h *hub) leavePlain(m *fanout.Member) {
	r := roomOfMember(m)
	r.stripe.mu.Lock()
	defer r.stripe.mu.Unlock()
	r.members--
	m.Topic.Members--
	h.tidyLocked(r)
}

// roomOfMember is the room that a member is in.
func roomOfMember(m *fanout.Member) *room { return m.Topic.Audience.Owner.(*room) }
