package chat

// ActiveRoom is a room with its number of members.
type ActiveRoom struct {
	Name    string
	Members int
}

// ActiveRooms returns the active rooms: those with members, in no order.
func (h *Hub) ActiveRooms() []ActiveRoom {
	rooms := make([]ActiveRoom, 0, h.Rooms.Count()) // seldom grows while a stripe is locked
	h.Rooms.each(func(in *Stripe) {
		for name, r := range in.rooms {
			if r.Members > 0 {
				rooms = append(rooms, ActiveRoom{name, r.Members})
			}
		}
	})
	return rooms
}
