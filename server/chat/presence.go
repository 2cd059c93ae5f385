package chat

import "github.com/throng-chat/throng/server/unordered"

// Presence has the SDK clients in a room. Add and Remove take constant time. Guarded by Stripe.Mu of the room.
type Presence struct {
	list  []*PresenceEntry
	users map[string]int // connections of each user
	Bytes int            // estimated size of a presence reply
}

// PresenceEntry is one SDK client in a Presence. Guarded by Stripe.Mu of the room.
type PresenceEntry struct {
	Info *ClientInfo
	at   int32 // index in Presence.list
	size int32 // its part of Presence.Bytes
}

// PresenceOverhead estimates the bytes of a member in a presence reply beyond its info: names of fields.
const PresenceOverhead = 64

// presenceSize estimates the bytes of a member in a presence reply.
func presenceSize(info *ClientInfo) int {
	return info.Size() + len(info.Client) + PresenceOverhead
}

// Add adds a member, whose info is set.
func (pres *Presence) Add(e *PresenceEntry) {
	e.at = int32(len(pres.list))
	e.size = int32(presenceSize(e.Info))
	pres.Bytes += int(e.size)
	pres.list = append(pres.list, e)
	if pres.users == nil {
		pres.users = map[string]int{}
	}
	pres.users[e.Info.User]++
}

// has reports whether a member is listed.
func (pres *Presence) has(e *PresenceEntry) bool {
	return int(e.at) < len(pres.list) && pres.list[e.at] == e
}

// clear removes all members.
func (pres *Presence) clear() { *pres = Presence{} }

// Remove removes a member, which Add has added.
func (pres *Presence) Remove(e *PresenceEntry) {
	pres.Bytes -= int(e.size)
	pres.list = unordered.Remove(pres.list, int(e.at))
	if int(e.at) < len(pres.list) {
		pres.list[e.at].at = e.at
	}
	if pres.users[e.Info.User]--; pres.users[e.Info.User] == 0 {
		delete(pres.users, e.Info.User)
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
	for i, e := range pres.list {
		infos[i] = e.Info
	}
	return infos
}
