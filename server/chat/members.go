package chat

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/unordered"
)

// Membership is a client's place in a room.
type Membership struct {
	fanout.Member

	Room *Room // constant once it is in the room

	// Guarded by Stripe.Mu of the room.
	Info        *ClientInfo // changed by the client's poller only, which reads it without the lock
	presentAt   int32
	presentSize int32 // of presence.bytes

	WithToken bool // the client has a token that names the room; constant once it is in the room
}

// ShowAs changes how others see a client in a room from now on. Called on the client's poller.
func (mem *Membership) ShowAs(info *ClientInfo) {
	mem.Room.Stripe.Mu.Lock()
	defer mem.Room.Stripe.Mu.Unlock()
	mem.Info = info
}

// Presence is who is in a room. Each change costs the same however many there are. Guarded by Stripe.Mu of the room.
type Presence struct {
	List  []*Membership
	users map[string]int // connections of each user
	Bytes int            // of an answer that tells who is there, about
}

// PresenceOverhead is what a member takes in that answer beyond what is known of it, about: names of fields.
const PresenceOverhead = 64

// presentSize is what a member takes in that answer, about.
func presentSize(info *ClientInfo) int {
	return info.Size() + len(info.Client) + PresenceOverhead
}

func (pres *Presence) Add(sub *Membership) {
	sub.presentAt = int32(len(pres.List))
	sub.presentSize = int32(presentSize(sub.Info))
	pres.Bytes += int(sub.presentSize)
	pres.List = append(pres.List, sub)
	if pres.users == nil {
		pres.users = map[string]int{}
	}
	pres.users[sub.Info.User]++
}

// Remove takes sub out; it is in.
func (pres *Presence) Remove(sub *Membership) {
	pres.Bytes -= int(sub.presentSize)
	pres.List = unordered.Remove(pres.List, int(sub.presentAt))
	if int(sub.presentAt) < len(pres.List) {
		pres.List[sub.presentAt].presentAt = sub.presentAt
	}
	if pres.users[sub.Info.User]--; pres.users[sub.Info.User] == 0 {
		delete(pres.users, sub.Info.User)
	}
}

// presenceStats is how many are in a room.
type presenceStats struct{ Clients, Users int }

// Stats counts plain members as well: together they are one user, the one without a name, like all others without one.
func (pres *Presence) Stats(plain int) presenceStats {
	users := len(pres.users)
	if plain > 0 && pres.users[""] == 0 {
		users++
	}
	return presenceStats{len(pres.List) + plain, users}
}

// Snapshot is cheap enough to be taken under the lock of a room: pointers to what does not change.
func (pres *Presence) Snapshot() []*ClientInfo {
	infos := make([]*ClientInfo, len(pres.List))
	for i, sub := range pres.List {
		infos[i] = sub.Info
	}
	return infos
}
