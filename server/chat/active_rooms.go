package chat

// ActiveRoom is a room with its number of members.
type ActiveRoom struct {
	Name    string
	Members int
}

// ActiveRooms returns the active rooms: those with members on any node, in no order.
func (h *Hub) ActiveRooms() []ActiveRoom {
	rooms := make([]ActiveRoom, 0, h.Rooms.Count()) // seldom grows while a stripe is locked
	h.Rooms.each(func(in *Stripe) {
		for name, r := range in.rooms {
			if n := r.Members + in.elsewhereLocked(name).Members; n > 0 {
				rooms = append(rooms, ActiveRoom{name, n})
			}
		}
		for name := range in.elsewhere {
			if in.rooms[name] == nil {
				rooms = append(rooms, ActiveRoom{name, in.elsewhereLocked(name).Members})
			}
		}
	})
	return rooms
}

// ActiveRoomsHere returns the rooms with members on this node, in no order.
func (h *Hub) ActiveRoomsHere() (rooms []ActiveRoom) {
	h.Rooms.each(func(in *Stripe) {
		for name, r := range in.rooms {
			if r.Members > 0 {
				rooms = append(rooms, ActiveRoom{name, r.Members})
			}
		}
	})
	return rooms
}
