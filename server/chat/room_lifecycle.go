package chat

import "strings"

// RoomLocked returns the room with a name, and creates it if necessary. The lock of in, the stripe of that name, is held.
func (h *Hub) RoomLocked(in *Stripe, name string) *Room {
	if r := in.rooms[name]; r != nil {
		return r
	}
	return h.createLocked(in, h.RoomRef(name))
}

// roomOfRefLocked is RoomLocked for a room whose options are known.
func (h *Hub) roomOfRefLocked(in *Stripe, v RoomRef) *Room {
	if r := in.rooms[v.Name]; r != nil {
		return r
	}
	return h.createLocked(in, v)
}

// createLocked creates a room and restores its stream position. The lock of in is held.
func (h *Hub) createLocked(in *Stripe, v RoomRef) *Room {
	// v may be from before a reload, which has given the rooms of this stripe their new options.
	v = h.current(v)
	// v.Name may share memory with a request or a frame.
	r := NewRoom(in, strings.Clone(v.Name), v.Options, len(h.Shards))
	var at StreamPosition
	if log := h.logOf(v.Name, v.Options); log != nil {
		r.durable, at = log.take(r.Name)
		if r.talk != nil {
			r.talk.disk = log.snapshots
		}
	} else if v.Options.HistorySize > 0 {
		at = h.Positions.take(r.Name)
	}
	if v.Options.HistorySize > 0 {
		r.History.Epoch, r.History.LastOffset = at.Epoch, at.Offset
	}
	in.rooms[r.Name] = r
	return r
}

// releaseLocked releases a room without members and listeners: at once if it has no publications, else when they have expired. The room's lock is held.
func (h *Hub) releaseLocked(r *Room) {
	if r.Members == 0 {
		h.discardEventsLocked(r)
	}
	switch {
	case r.inUse() || r.Stripe.rooms[r.Name] != r || r.durable != nil && r.durable.pending > 0:
	case !r.isEmpty():
		r.DeltaBase = nil
		h.scheduleExpiryLocked(r)
	default:
		h.deleteLocked(r)
	}
}

// scheduleExpiryLocked schedules a room with publications for their expiry. The room's lock is held.
func (h *Hub) scheduleExpiryLocked(r *Room) {
	if !r.scheduled {
		r.scheduled = true
		r.Stripe.retention.File(r, h.Clock.Tick()+r.HistoryTTL())
	}
}

// deleteLocked deletes a room without members and publications, and keeps its stream position. The room's lock is held.
func (h *Hub) deleteLocked(r *Room) {
	delete(r.Stripe.rooms, r.Name)
	r.Stripe.retention.Remove(r)
	r.scheduled = false
	switch {
	case r.History.LastOffset == 0:
	case r.durable != nil:
		r.durable.log.store(r.Name, r.durable, r.History.LastOffset, h.Clock.Tick())
	default:
		h.Positions.store(r.Name, r.History.Position(), h.Clock.Tick())
	}
}

// expireLocked drops publications older than the history TTL. The room's lock is held.
func (h *Hub) expireLocked(r *Room) {
	if now := h.Clock.Tick(); now > r.HistoryTTL() {
		h.HistoryBudget.expire(r, now-r.HistoryTTL())
	}
}
