package chat

import "strings"

// Members on other nodes of a cluster. Each node lists those of all nodes in the presence of a room, so presence and its counts are read there. They
// receive nothing here. They end with the process, and with their node (package cluster).

// RemoteMember is an SDK client of another node in the presence of a room.
type RemoteMember struct {
	PresenceEntry
	room *Room // constant
}

// AddRemote lists a client of another node in the presence of a room. It returns nil if the options of the room have no presence. info must not
// be changed afterwards. Any goroutine may call it, without locks.
func (h *Hub) AddRemote(room string, info *ClientInfo) *RemoteMember {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	r := h.RoomLocked(in, strings.Clone(room))
	if !r.Options().Presence {
		h.releaseLocked(r)
		in.Mu.Unlock()
		return nil
	}
	m := &RemoteMember{PresenceEntry{Info: info}, r}
	r.remote++
	r.Presence.Add(&m.PresenceEntry)
	wake := h.sendRemoteLocked(r, info, true)
	in.Mu.Unlock()
	h.Wake(wake)
	return m
}

// RemoveRemote ends a listing. It returns whether the members of the room here get an event of that.
func (h *Hub) RemoveRemote(m *RemoteMember) (event bool) {
	r := m.room
	r.Stripe.Mu.Lock()
	r.remote--
	if r.Presence.has(&m.PresenceEntry) {
		r.Presence.Remove(&m.PresenceEntry)
	}
	event = r.Members > 0 && r.Options().JoinLeave
	wake := h.sendRemoteLocked(r, m.Info, false)
	h.releaseLocked(r)
	r.Stripe.Mu.Unlock()
	h.Wake(wake)
	return event
}

// sendRemoteLocked sends a join or leave event of a client of another node to the members here. The room's lock is held.
func (h *Hub) sendRemoteLocked(r *Room, info *ClientInfo, joined bool) (wake uint64) {
	if r.Members == 0 {
		return 0
	}
	return h.sendOrQueueLocked(r, info, joined)
}

// Is reports whether the member has an info.
func (rm *RemoteMember) Is(info *ClientInfo) bool { return sameInfo(rm.Info, info) }

// listLocked lists a member in the presence of its room, on all nodes. The room's lock is held.
func (h *Hub) listLocked(m *Membership, r *Room) {
	r.Presence.Add(&m.PresenceEntry)
	if h.others != nil {
		h.others.Joined(r.Name, m.Info)
	}
}

// unlistLocked ends the listing of a member. The room's lock is held.
func (h *Hub) unlistLocked(m *Membership, r *Room) {
	if !r.Presence.has(&m.PresenceEntry) {
		return
	}
	r.Presence.Remove(&m.PresenceEntry)
	if h.others != nil {
		h.others.Left(r.Name, m.Info)
	}
}
