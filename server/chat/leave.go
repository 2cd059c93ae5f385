package chat

import "github.com/throng-chat/throng/server/fanout"

// LeaveRoom takes a client out of a room, and tells the others.
func (h *Hub) LeaveRoom(m *Membership) {
	in := m.Room.Stripe
	in.Mu.Lock()
	wake := h.leaveLocked(m)
	in.Mu.Unlock()
	h.Wake(wake)
}

// leaveLocked counts a membership out, and tells the others. The room's lock is held.
func (h *Hub) leaveLocked(m *Membership) (wake uint64) {
	r := m.Room
	r.Members--
	m.Topic.Members--
	h.Metrics.Subscriptions.Dec()
	if r.Options.Presence {
		r.Present.Remove(m)
	}
	wake |= m.Topic.Shard.Push(fanout.Job{Do: fanout.LeaveTopic, Member: &m.Member})
	wake |= h.announceLocked(r, m.Info, false)
	h.tidyLocked(r)
	return wake
}
