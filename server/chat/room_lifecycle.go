package chat

import "strings"

// RoomLocked returns the room with a name, and creates it if necessary. The lock of in, the stripe of that name, is held.
func (h *Hub) RoomLocked(in *Stripe, name string) *Room {
	if r := in.Rooms[name]; r != nil {
		return r
	}
	return h.makeLocked(in, h.ViewOf(name))
}

// roomOfViewLocked is RoomLocked for a room whose options are known.
func (h *Hub) roomOfViewLocked(in *Stripe, v View) *Room {
	if r := in.Rooms[v.Name]; r != nil {
		return r
	}
	return h.makeLocked(in, v)
}

// makeLocked creates a room and restores its stream position. The lock of in is held.
func (h *Hub) makeLocked(in *Stripe, v View) *Room {
	// v.Name may share memory with a request or a frame.
	r := NewRoom(in, strings.Clone(v.Name), v.Options, len(h.Shards))
	if r.Options.HistorySize > 0 {
		at := h.Positions.take(r.Name)
		r.History.Epoch, r.History.LastOffset = at.Epoch, at.Offset
	}
	in.Rooms[r.Name] = r
	return r
}

// tidyLocked releases a room without members: at once if it has no publications, else when they have expired. The room's lock is held.
func (h *Hub) tidyLocked(r *Room) {
	if r.Members == 0 {
		h.discardEventsLocked(r)
	}
	switch {
	case r.Members > 0 || r.Stripe.Rooms[r.Name] != r:
	case r.History.Count > 0:
		r.Last = nil
		h.keepLocked(r)
	default:
		h.ForgetLocked(r)
	}
}

// keepLocked schedules a room with publications for their expiry. The room's lock is held.
func (h *Hub) keepLocked(r *Room) {
	if !r.kept {
		r.kept = true
		r.Stripe.ages.File(r, h.Clock.Tick()+r.Memory())
	}
}

// ForgetLocked deletes a room without members and publications, and keeps its stream position. The room's lock is held.
func (h *Hub) ForgetLocked(r *Room) {
	delete(r.Stripe.Rooms, r.Name)
	r.Stripe.ages.Remove(r)
	r.kept = false
	if r.History.LastOffset > 0 {
		h.Positions.Keep(r.Name, r.History.Position(), h.Clock.Tick())
	}
}

// expireLocked drops publications older than the history TTL. The room's lock is held.
func (h *Hub) expireLocked(r *Room) {
	if now := h.Clock.Tick(); now > r.Memory() {
		h.HistoryBudget.Expire(r, now-r.Memory())
	}
}
