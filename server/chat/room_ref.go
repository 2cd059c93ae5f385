package chat

// RoomRef is a room's name with its options. A command looks it up once: from the membership, or from the patterns (Hub.RoomRef).
type RoomRef struct {
	Name       string
	Options    *Options
	Membership *Membership // of the client; nil: not a member
}

// RoomRef looks up the options of a room, which need not exist.
func (h *Hub) RoomRef(room string) RoomRef { return RoomRef{Name: room, Options: h.OptionsOf(room)} }

// HasContexts reports whether some room may have a compression context.
func (h *Hub) HasContexts() bool { return h.Settings().hasContexts }

// OptionsOf returns the options of the first pattern that matches a name, else those of Config.OtherRooms.
func (h *Hub) OptionsOf(room string) *Options { return h.Settings().optionsOf(room) }

// current returns in with the options of now: a reload may have replaced them since in was looked up.
func (h *Hub) current(in RoomRef) RoomRef {
	if now := h.Settings(); in.Options == nil || in.Options.from != now {
		in.Options = now.optionsOf(in.Name)
	}
	return in
}
