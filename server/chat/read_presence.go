package chat

// PresenceWithin returns the SDK clients in a room and the estimated bytes of a presence reply. all is false, without clients, if the reply
// exceeds maxBytes.
func (h *Hub) PresenceWithin(room string, maxBytes int) (infos []*ClientInfo, size int, all bool) {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil {
		return nil, 0, true
	}
	if r.Presence.Bytes > maxBytes {
		return nil, r.Presence.Bytes, false
	}
	return r.Presence.Snapshot(), r.Presence.Bytes, true
}

// Presence returns the SDK clients in a room.
func (h *Hub) Presence(room string) []*ClientInfo {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Presence.Snapshot()
	}
	return nil
}

// PresenceStats counts the members of a room.
func (h *Hub) PresenceStats(room string) presenceStats {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	plain := in.elsewhereLocked(room).Plain
	if r := in.rooms[room]; r != nil {
		return r.Presence.Stats(plain + r.plainMembers())
	}
	return (&Presence{}).Stats(plain)
}

// HasUsers sets has[i] if users[i] is listed in the presence of the room. Any goroutine may call it, without locks.
func (r *Room) HasUsers(users []string, has []bool) {
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	for i, user := range users {
		if r.Presence.users[user] > 0 {
			has[i] = true
		}
	}
}
