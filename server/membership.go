package server

import "github.com/throng-chat/throng/server/fanout"

// membership is a client's place in a room.
type membership struct {
	fanout.Member

	room *room // constant once it is in the room

	// Guarded by stripe.mu of the room.
	info        *clientInfo // changed by the client's poller only, which reads it without the lock
	presentAt   int32
	presentSize int32 // of presence.bytes

	withToken bool // the client has a token that names the room; constant once it is in the room
}

// leaveRoom takes a client out of a room, and tells the others.
func (h *hub) leaveRoom(m *membership) {
	in := m.room.stripe
	in.mu.Lock()
	wake := h.leaveLocked(m)
	in.mu.Unlock()
	h.Wake(wake)
}

// leaveLocked counts a membership out, and tells the others. The room's lock is held.
func (h *hub) leaveLocked(m *membership) (wake uint64) {
	r := m.room
	r.members--
	m.Topic.Members--
	h.Metrics.Subscriptions.Dec()
	if r.options.Presence {
		r.present.remove(m)
	}
	wake |= m.Topic.Shard.Push(fanout.Job{Do: fanout.LeaveTopic, Member: &m.Member})
	wake |= h.announceLocked(r, m.info, false)
	h.tidyLocked(r)
	return wake
}

// showAs changes how others see a client in a room from now on. Called on the client's poller.
func (m *membership) showAs(info *clientInfo) {
	m.room.stripe.mu.Lock()
	defer m.room.stripe.mu.Unlock()
	m.info = info
}
