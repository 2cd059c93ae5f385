package chat

import "github.com/throng-chat/throng/server/unordered"

// Presence is who is in a room. Each change costs the same however many there are. Guarded by stripe.mu of the room.
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

// plainMembers counts the plain members of a room. The room's lock is held.
func (r *Room) plainMembers() (n int) {
	for _, t := range r.Topics {
		if t.Format == PlainFormat {
			n += t.Members
		}
	}
	return n
}

// Snapshot is cheap enough to be taken under the lock of a room: pointers to what does not change.
func (pres *Presence) Snapshot() []*ClientInfo {
	infos := make([]*ClientInfo, len(pres.List))
	for i, sub := range pres.List {
		infos[i] = sub.Info
	}
	return infos
}

// FewPresent are those in a room, where an answer that tells of all has so many bytes at most, about; and how many it has.
func (h *Hub) FewPresent(room string, mostBytes int) (infos []*ClientInfo, size int, all bool) {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil {
		return nil, 0, true
	}
	if r.Present.Bytes > mostBytes {
		return nil, r.Present.Bytes, false
	}
	return r.Present.Snapshot(), r.Present.Bytes, true
}

// Present are those in a room.
func (h *Hub) Present(room string) []*ClientInfo {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Present.Snapshot()
	}
	return nil
}

// PresenceStats is how many are in a room.
func (h *Hub) PresenceStats(room string) presenceStats {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r != nil {
		return r.Present.Stats(r.plainMembers())
	}
	return presenceStats{}
}
