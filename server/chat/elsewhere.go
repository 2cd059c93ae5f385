package chat

import "slices"

// RoomElsewhere sets the number of members of a room on another node. Any goroutine may call it, without locks.
func (h *Hub) RoomElsewhere(room string, on *OtherNode, c Count) {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	list := in.elsewhere[room]
	at := slices.IndexFunc(list, func(each countElsewhere) bool { return each.node == on })
	switch {
	case c.Members > 0 && at >= 0:
		list[at].Count = c
	case c.Members > 0:
		in.elsewhere[room] = append(list, countElsewhere{on, c})
	case at >= 0 && len(list) == 1:
		delete(in.elsewhere, room)
	case at >= 0:
		in.elsewhere[room] = slices.Delete(list, at, at+1)
	}
}

// RoomHere returns the number of members of a room on this node. Any goroutine may call it, without locks.
func (h *Hub) RoomHere(room string) Count {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil {
		return Count{}
	}
	return Count{r.Members, r.plainMembers()}
}

// elsewhereLocked returns the number of members of a room on the other nodes. The lock of the stripe is held.
func (in *Stripe) elsewhereLocked(room string) (c Count) {
	for _, each := range in.elsewhere[room] {
		c.Members, c.Plain = c.Members+each.Members, c.Plain+each.Plain
	}
	return c
}

// rejectMaybeFull is the rejection of a join in a room that is full if a node is alive that was not heard a moment ago. SDKs retry.
var rejectMaybeFull = &Rejection{CauseRate, "the room is full, or a node of the cluster has died: retry"}

// fullLocked returns the rejection of a join in a room that has so many members on all nodes that are alive; nil if there is a place. A node is suspect for a
// while after its death, and its members join again meanwhile: then the rejection is temporary. The room's lock is held.
func (r *Room) fullLocked(most int) *Rejection {
	sure, n := r.Members, r.Members
	for _, each := range r.Stripe.elsewhere[r.Name] {
		switch {
		case each.node.Fresh.Load():
			sure, n = sure+each.Members, n+each.Members
		case each.node.Alive.Load():
			n += each.Members
		}
	}
	switch {
	case n < most:
		return nil
	case sure >= most:
		return RejectLimit
	}
	return rejectMaybeFull
}

// addMemberLocked counts a member of a room. The room's lock is held.
func (h *Hub) addMemberLocked(r *Room, n int) {
	r.Members += n
	if h.others != nil {
		h.others.RoomChanged(r.Name)
	}
}
