package server

import "github.com/throng-chat/throng/server/unordered"

// presence is who is in a room. Each change costs the same however many there are. Guarded by stripe.mu of the room.
type presence struct {
	list  []*membership
	users map[string]int // connections of each user
	bytes int            // of an answer that tells who is there, about
}

// presenceOverhead is what a member takes in that answer beyond what is known of it, about: names of fields.
const presenceOverhead = 64

// presentSize is what a member takes in that answer, about.
func presentSize(info *clientInfo) int {
	return info.Size() + len(info.Client) + presenceOverhead
}

func (p *presence) add(sub *membership) {
	sub.presentAt = int32(len(p.list))
	sub.presentSize = int32(presentSize(sub.info))
	p.bytes += int(sub.presentSize)
	p.list = append(p.list, sub)
	if p.users == nil {
		p.users = map[string]int{}
	}
	p.users[sub.info.User]++
}

// remove takes sub out; it is in.
func (p *presence) remove(sub *membership) {
	p.bytes -= int(sub.presentSize)
	p.list = unordered.Remove(p.list, int(sub.presentAt))
	if int(sub.presentAt) < len(p.list) {
		p.list[sub.presentAt].presentAt = sub.presentAt
	}
	if p.users[sub.info.User]--; p.users[sub.info.User] == 0 {
		delete(p.users, sub.info.User)
	}
}

// presenceStats is how many are in a room.
type presenceStats struct{ clients, users int }

// stats counts plain members as well: together they are one user, the one without a name, like all others without one.
func (p *presence) stats(plain int) presenceStats {
	users := len(p.users)
	if plain > 0 && p.users[""] == 0 {
		users++
	}
	return presenceStats{len(p.list) + plain, users}
}

// plainMembers counts the plain members of a room. The room's lock is held.
func (r *room) plainMembers() (n int) {
	for _, t := range r.Topics {
		if t.Format == plainFormat {
			n += t.Members
		}
	}
	return n
}

// snapshot is cheap enough to be taken under the lock of a room: pointers to what does not change.
func (p *presence) snapshot() []*clientInfo {
	infos := make([]*clientInfo, len(p.list))
	for i, sub := range p.list {
		infos[i] = sub.info
	}
	return infos
}

// fewPresent are those in a room, where an answer that tells of all has so many bytes at most, about; and how many it has.
func (h *hub) fewPresent(room string, mostBytes int) (infos []*clientInfo, size int, all bool) {
	r, unlock := h.rooms.find(room)
	defer unlock()
	if r == nil {
		return nil, 0, true
	}
	if r.present.bytes > mostBytes {
		return nil, r.present.bytes, false
	}
	return r.present.snapshot(), r.present.bytes, true
}

// present are those in a room.
func (h *hub) present(room string) []*clientInfo {
	r, unlock := h.rooms.find(room)
	defer unlock()
	if r != nil {
		return r.present.snapshot()
	}
	return nil
}

// presenceStats is how many are in a room.
func (h *hub) presenceStats(room string) presenceStats {
	r, unlock := h.rooms.find(room)
	defer unlock()
	if r != nil {
		return r.present.stats(r.plainMembers())
	}
	return presenceStats{}
}
