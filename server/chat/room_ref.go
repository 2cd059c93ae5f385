package chat

// RoomRef is a room's name with its options. A command looks it up once: from the membership, or from the patterns (Hub.RoomRef).
type RoomRef struct {
	Name       string
	Options    *RoomOptions
	Membership *Membership // of the client; nil: not a member
}

// RoomRef looks up the options of a room, which need not exist.
func (h *Hub) RoomRef(room string) RoomRef { return RoomRef{Name: room, Options: h.OptionsOf(room)} }

// OptionsOf returns the options of the first pattern that matches a name, else those of Config.OtherRooms.
func (h *Hub) OptionsOf(room string) *RoomOptions {
	for i := range h.patterns {
		if h.patterns[i].Matches(room) {
			return &h.patterns[i]
		}
	}
	return &h.anyRoom
}
