package chat

import "github.com/throng-chat/throng/server/fanout"

// Membership is a client's place in a room.
type Membership struct {
	fanout.Member

	Room *Room // constant once it is in the room

	// Guarded by stripe.mu of the room.
	Info        *ClientInfo // changed by the client's poller only, which reads it without the lock
	presentAt   int32
	presentSize int32 // of presence.bytes

	WithToken bool // the client has a token that names the room; constant once it is in the room
}

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

// ShowAs changes how others see a client in a room from now on. Called on the client's poller.
func (mem *Membership) ShowAs(info *ClientInfo) {
	mem.Room.Stripe.Mu.Lock()
	defer mem.Room.Stripe.Mu.Unlock()
	mem.Info = info
}
