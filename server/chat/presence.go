package chat

// FewPresent are those in a room, where an answer that tells of all has so many bytes at most, about; and how many it has.
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

// Present are those in a room.
func (h *Hub) Present(room string) []*ClientInfo {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Present.Snapshot()
	}
	return nil
}

// PresenceStats is how many are in a room.
func (h *Hub) PresenceStats(room string) presenceStats {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Present.Stats(r.plainMembers())
	}
	return presenceStats{}
}

// Inhabited are the rooms that have members, and how many.
func (h *Hub) Inhabited() []InhabitedRoom {
	rooms := make([]InhabitedRoom, 0, h.Rooms.Count()) // it hardly grows while a stripe is locked
	h.Rooms.Each(func(in *Stripe) {
		for name, r := range in.Rooms {
			if r.Members > 0 {
				rooms = append(rooms, InhabitedRoom{name, r.Members})
			}
		}
	})
	return rooms
}

type InhabitedRoom struct {
	Name    string
	Members int
}
