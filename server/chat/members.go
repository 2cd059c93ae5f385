package chat

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/unordered"
)

// Membership is a client of the SDK protocol in a room.
type Membership struct {
	fanout.Member

	Room *Room // constant after the join

	// Guarded by Stripe.Mu of the room.
	Info        *ClientInfo // written by the client's poller only, which reads it without the lock
	presentAt   int32
	presentSize int32 // its part of Presence.Bytes

	WithToken bool // the client has a token that names the room; constant after the join
}

// SetInfo replaces the info of a client in a room. Called on the client's poller.
func (mem *Membership) SetInfo(info *ClientInfo) {
	mem.Room.Stripe.Mu.Lock()
	defer mem.Room.Stripe.Mu.Unlock()
	mem.Info = info
}

// Presence has the SDK clients in a room. Add and Remove take constant time. Guarded by Stripe.Mu of the room.
type Presence struct {
	list  []*Membership
	users map[string]int // connections of each user
	Bytes int            // estimated size of a presence reply
}

// PresenceOverhead estimates the bytes of a member in a presence reply beyond its info: names of fields.
const PresenceOverhead = 64

// presentSize estimates the bytes of a member in a presence reply.
func presentSize(info *ClientInfo) int {
	return info.Size() + len(info.Client) + PresenceOverhead
}

// Add adds a member, whose info is set.
func (pres *Presence) Add(sub *Membership) {
	sub.presentAt = int32(len(pres.list))
	sub.presentSize = int32(presentSize(sub.Info))
	pres.Bytes += int(sub.presentSize)
	pres.list = append(pres.list, sub)
	if pres.users == nil {
		pres.users = map[string]int{}
	}
	pres.users[sub.Info.User]++
}

// Remove removes a member, which Add has added.
func (pres *Presence) Remove(sub *Membership) {
	pres.Bytes -= int(sub.presentSize)
	pres.list = unordered.Remove(pres.list, int(sub.presentAt))
	if int(sub.presentAt) < len(pres.list) {
		pres.list[sub.presentAt].presentAt = sub.presentAt
	}
	if pres.users[sub.Info.User]--; pres.users[sub.Info.User] == 0 {
		delete(pres.users, sub.Info.User)
	}
}

// presenceStats counts the members of a room.
type presenceStats struct{ Clients, Users int }

// Stats counts all members; plain is the number of plain members. All anonymous members, plain members included, count as one user.
func (pres *Presence) Stats(plain int) presenceStats {
	users := len(pres.users)
	if plain > 0 && pres.users[""] == 0 {
		users++
	}
	return presenceStats{len(pres.list) + plain, users}
}

// Snapshot returns the infos of the SDK clients. It copies pointers only, so it is cheap under the lock of a room.
func (pres *Presence) Snapshot() []*ClientInfo {
	infos := make([]*ClientInfo, len(pres.list))
	for i, sub := range pres.list {
		infos[i] = sub.Info
	}
	return infos
}
