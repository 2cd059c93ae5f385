package chat

import "strings"

// RoomLocked is the room of that name, made where there is none. in is the stripe of that name; its lock is held.
func (h *Hub) RoomLocked(in *Stripe, name string) *Room {
	if r := in.Rooms[name]; r != nil {
		return r
	}
	return h.makeLocked(in, h.ViewOf(name))
}

// roomOfViewLocked is as RoomLocked, of a room that has been looked up.
func (h *Hub) roomOfViewLocked(in *Stripe, v View) *Room {
	if r := in.Rooms[v.Name]; r != nil {
		return r
	}
	return h.makeLocked(in, v)
}

// makeLocked makes a room that is not there. Its lock is held.
func (h *Hub) makeLocked(in *Stripe, v View) *Room {
	// The name may be a part of a request's head, or of a frame.
	r := NewRoom(in, strings.Clone(v.Name), v.Options, len(h.Shards))
	if r.Options.HistorySize > 0 {
		at := h.Positions.take(r.Name)
		r.History.Epoch, r.History.Top = at.Epoch, at.Offset
	}
	in.Rooms[r.Name] = r
	return r
}

// tidyLocked forgets a room that nobody is in, unless it remembers publications. The room's lock is held.
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

// keepLocked sees to it that a room which remembers something is looked after, whether it has members or not. The room's lock is held.
func (h *Hub) keepLocked(r *Room) {
	if !r.kept {
		r.kept = true
		r.Stripe.ages.File(r, h.Clock.Tick()+r.Memory())
	}
}

// ForgetLocked forgets a room that nobody is in and that has nothing left but its position. The room's lock is held.
func (h *Hub) ForgetLocked(r *Room) {
	delete(r.Stripe.Rooms, r.Name)
	r.Stripe.ages.Remove(r)
	r.kept = false
	if r.History.Top > 0 {
		h.Positions.Keep(r.Name, r.History.Position(), h.Clock.Tick())
	}
}

// expireLocked forgets what is too old. The room's lock is held.
func (h *Hub) expireLocked(r *Room) {
	if now := h.Clock.Tick(); now > r.Memory() {
		h.Archive.Expire(r, now-r.Memory())
	}
}
