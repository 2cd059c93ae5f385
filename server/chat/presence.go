package chat

// FewPresent returns the SDK clients in a room and the estimated bytes of a presence reply. all is false, without clients, if the reply
// exceeds mostBytes.
func (h *Hub) FewPresent(room string, mostBytes int) (infos []*ClientInfo, size int, all bool) {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil {
		return nil, 0, true
	}
	if r.Present.Bytes > mostBytes {
		return nil, r.Present.Bytes, false
	}
	return r.Present.Snapshot(), r.Present.Bytes, true
}

// Present returns the SDK clients in a room.
func (h *Hub) Present(room string) []*ClientInfo {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Present.Snapshot()
	}
	return nil
}

// PresenceStats counts the members of a room.
func (h *Hub) PresenceStats(room string) presenceStats {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Present.Stats(r.plainMembers())
	}
	return presenceStats{}
}

// Inhabited returns the active rooms: those with members, in no order.
func (h *Hub) Inhabited() []InhabitedRoom {
	rooms := make([]InhabitedRoom, 0, h.Rooms.Count()) // seldom grows while a stripe is locked
	h.Rooms.Each(func(in *Stripe) {
		for name, r := range in.Rooms {
			if r.Members > 0 {
				rooms = append(rooms, InhabitedRoom{name, r.Members})
			}
		}
	})
	return rooms
}

// InhabitedRoom is a room with its number of members.
type InhabitedRoom struct {
	Name    string
	Members int
}
