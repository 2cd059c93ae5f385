package chat

import "slices"

// Batch is what a listener receives at once, in the order of the room.
type Batch struct {
	// Lost is the number of publications before these that the listener does not receive: it was behind, and the history does not have them.
	// Unknown is true if there may be more, because the room has another epoch. Then the publications begin with the oldest of that epoch.
	Lost    uint64
	Unknown bool

	Publications []Publication
	Epoch        string         // of their offsets
	At           StreamPosition // before the first one, if Lost or Unknown is set
}

// Listen adds a listener to a room, with a queue of most bytes. It receives all publications after since, or from now on if since is nil. An
// empty epoch of since matches every epoch. It returns the position of now. Any goroutine may call it, without locks.
func (h *Hub) Listen(room string, most int, since *StreamPosition) (*Listener, StreamPosition) {
	li := &Listener{Room: room, Ready: make(chan struct{}, 1), most: most}
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r := h.RoomLocked(in, room)
	r.listeners = append(r.listeners, li)
	li.at = r.History.Position()
	if since != nil {
		li.at = *since
		h.resolveLocked(r, li)
		li.fallBehind()
	}
	return li, li.at
}

// Unlisten removes a listener. Any goroutine may call it, without locks.
func (h *Hub) Unlisten(li *Listener) {
	r, unlock := h.Rooms.Find(li.Room)
	defer unlock()
	r.listeners = slices.DeleteFunc(r.listeners, func(each *Listener) bool { return each == li })
	h.releaseLocked(r)
}

// Take returns the next publications of a listener. There are none if none has come: wait for Listener.Ready then. spare is the memory of an earlier
// batch. Call it on one goroutine at a time, without locks.
func (h *Hub) Take(li *Listener, spare []Publication) (b Batch) {
	clear(spare)
	r, unlock := h.Rooms.Find(li.Room)
	defer unlock()
	switch {
	case len(li.queue) > 0:
		b.Publications, b.Epoch = li.queue, li.at.Epoch
		li.queue, li.bytes = spare[:0], 0
	case li.behind:
		b = h.catchUpLocked(r, li)
	}
	return b
}

// resolveLocked makes the position of a listener one of the epoch of now. It returns false if the history is being read from another node: then
// fallBehind is called when it is complete. The room's lock is held.
func (h *Hub) resolveLocked(r *Room, li *Listener) bool {
	if d := r.durable; d != nil && d.log.requests != nil && !d.log.live.Load() {
		return false
	}
	h.expireLocked(r)
	now := r.History.Position()
	at := h.sinceLocked(r.Name, li.at, now)
	switch {
	case at.Epoch != now.Epoch && at.Epoch != "":
		li.unknown, at.Offset = true, r.History.firstOffset()-1
	case at.Offset > now.Offset:
		li.unknown, at.Offset = true, now.Offset
	}
	li.at = StreamPosition{at.Offset, now.Epoch}
	return true
}

// catchUpLocked reads what a listener has not received from the history. The room's lock is held.
func (h *Hub) catchUpLocked(r *Room, li *Listener) (b Batch) {
	if !h.resolveLocked(r, li) {
		return b
	}
	b.Lost, b.Unknown, li.unkept, li.unknown = li.unkept, li.unknown, 0, false
	if first := r.History.firstOffset(); li.at.Offset+1 < first {
		b.Lost, li.at.Offset = b.Lost+first-1-li.at.Offset, first-1
	}
	b.At, b.Epoch = li.at, li.at.Epoch
	b.Publications = r.History.page(&li.at, maxHistoryPage, li.most, false)
	if n := len(b.Publications); n > 0 {
		li.at.Offset = b.Publications[n-1].Offset
	}
	li.behind = li.at.Offset < r.History.LastOffset
	return b
}
