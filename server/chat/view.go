package chat

// View is a room and what it offers. It is looked up once for each command, from the membership where there is one.
type View struct {
	Name    string
	Options *RoomOptions
	Place   *Membership // of the client that looks; nil where it is not in the room
}

func (h *Hub) ViewOf(room string) View { return View{Name: room, Options: h.OptionsOf(room)} }

// OptionsOf are those of the first pattern that a room's name fits.
func (h *Hub) OptionsOf(room string) *RoomOptions {
	for i := range h.patterns {
		if h.patterns[i].Fits(room) {
			return &h.patterns[i]
		}
	}
	return &h.anyRoom
}
