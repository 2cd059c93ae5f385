package chat

import "github.com/throng-chat/throng/server/fanout"

// LeaveRoom ends a membership. If the room's options have join-leave, the other members receive a leave event.
func (h *Hub) LeaveRoom(m *Membership) {
	in := m.Room.Stripe
	in.Mu.Lock()
	wake := h.leaveLocked(m)
	in.Mu.Unlock()
	h.Wake(wake)
}

// leaveLocked ends a membership and returns the shards to wake. The room's lock is held.
func (h *Hub) leaveLocked(m *Membership) (wake uint64) {
	r := m.Room
	h.addMemberLocked(r, -1)
	m.topic.Members--
	h.Metrics.Subscriptions.Dec()
	h.unlistLocked(m, r)
	wake |= m.Conn.Shard.Push(fanout.Job{Do: fanout.LeaveTopic, Member: &m.Member})
	wake |= h.sendOrQueueLocked(r, m.Info, false)
	h.Watchers.Note(ClientLeft, m.Conn, r.Name, m.Info)
	h.releaseLocked(r)
	return wake
}
