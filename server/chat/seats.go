package chat

import "github.com/throng-chat/throng/server/fanout"

// Plain clients in a room: they are counted, and have no identity.

// ReserveSeat counts a plain client as a member of a room before its handshake is answered. ok is false if the room is full.
// The seat is nil if the room has no limit of members. Return an unused seat with releaseSeat.
func (h *Hub) ReserveSeat(roomName string) (seat *Room, ok bool) {
	v := h.ViewOf(roomName)
	most := v.Options.MaxMembers
	if most == 0 {
		return nil, true
	}
	in := h.Rooms.StripeOf(roomName)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r := h.roomOfViewLocked(in, v)
	if r.Members >= most {
		h.tidyLocked(r)
		return nil, false
	}
	r.Members++
	return r, true
}

func (h *Hub) ReleaseSeat(seat *Room) {
	if seat == nil {
		return
	}
	seat.Stripe.Mu.Lock()
	defer seat.Stripe.Mu.Unlock()
	seat.Members--
	h.tidyLocked(seat)
}

// JoinPlain makes a plain client a member of a room and posts it to its shard. hello, the answer to its handshake, is the first thing it is
// sent; what is posted to the room after joinPlain comes behind it. early is what the client sent ahead of our answer. The caller has
// reserved a place, and, where the room's members are limited, one in the room: its seat, else nil.
func (h *Hub) JoinPlain(m *fanout.Member, name string, seat *Room, hello, early []byte) {
	in := h.Rooms.StripeOf(name)
	in.Mu.Lock()
	r := seat
	if r == nil {
		r = h.RoomLocked(in, name)
		r.Members++
	}
	m.Topic = r.TopicLocked(m.Conn.Shard, PlainFormat)
	m.Topic.Members++
	wake := h.Welcome(m.Conn, m, hello, early)
	in.Mu.Unlock()
	h.Wake(wake)
}

// LeavePlain takes a plain client out of its room.
func (h *Hub) LeavePlain(m *fanout.Member) {
	r := RoomOfMember(m)
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	r.Members--
	m.Topic.Members--
	h.tidyLocked(r)
}

// RoomOfMember is the room that a member is in.
func RoomOfMember(m *fanout.Member) *Room { return m.Topic.Audience.Owner.(*Room) }
