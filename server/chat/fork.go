package chat

// A new owner of a log in memory may not have all publications of the owner before it. It gives all rooms a new generation. A position of the
// generation before counts up to the fork: the offset that the room had then.

// Fork notes that Repairs gives all rooms a new generation, which continues the one before.
func (co committer) Fork(alone bool) {
	co.log.replayed.forked, co.log.replayed.alone = true, alone
}

// since returns a position in the generation of now, if it is of the generation before and not behind the fork. Otherwise it returns it as it is.
func (du *Durable) since(f fork, from, now StreamPosition) StreamPosition {
	if from.Epoch != now.Epoch && f.generation > 0 && from.Offset <= f.offset && from.Epoch == du.epoch(f.generation) {
		from.Epoch = now.Epoch
	}
	return from
}

// sinceLocked returns a position of a client in the epoch of a room, whose position is now. The room's lock is held.
func (h *Hub) sinceLocked(room string, from, now StreamPosition) StreamPosition {
	if !h.StoresData() {
		return from
	}
	if r := h.Rooms.StripeOf(room).rooms[room]; r != nil {
		if r.durable == nil {
			return from
		}
		return r.durable.log.since(r.durable.fork, from, now)
	}
	if log := h.logOf(room, h.OptionsOf(room)); log != nil {
		at, _ := log.positions.get(room)
		return log.since(at.fork, from, now)
	}
	return from
}

// countsLocked reports whether an offset of an epoch, of a read marker, is one of the room, whose position is now. The room's lock is held.
func (h *Hub) countsLocked(room string, offset, epoch uint64, now StreamPosition) bool {
	if epoch == epochNumber(now.Epoch) {
		return true
	}
	return h.sinceLocked(room, StreamPosition{offset, epochText(epoch)}, now).Epoch == now.Epoch
}
