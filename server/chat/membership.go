package chat

import "github.com/throng-chat/throng/server/fanout"

// Membership is a client of the SDK protocol in a room.
type Membership struct {
	fanout.Member

	Room *Room // constant after the join

	topic *fanout.Topic // that counts the member; guarded by Stripe.Mu of the room. Member.Topic is the shard's, which follows later

	// Guarded by Stripe.Mu of the room. Info is written by the client's poller only, which reads it without the lock.
	PresenceEntry

	WithToken bool // the client has a token that names the room; constant after the join
}

// SetInfo replaces the info of a client in a room. Called on the client's poller.
func (mem *Membership) SetInfo(info *ClientInfo) {
	mem.Room.Stripe.Mu.Lock()
	defer mem.Room.Stripe.Mu.Unlock()
	mem.Info = info
	if h := mem.Room.Stripe.Hub; h.others != nil && mem.Room.Presence.has(&mem.PresenceEntry) {
		h.others.Joined(mem.Room.Name, info)
	}
}
