package chat

import (
	"encoding/json"

	"github.com/throng-chat/throng/server/roster"
)

// Reading rosters. Any goroutine may call these methods, without the lock of a room.

// RoleOf returns the role of a user in the roster of a room; None for an anonymous user.
func (h *Hub) RoleOf(room, user string) roster.Role {
	if user == "" {
		return roster.None
	}
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if rv := in.values[room]; rv != nil {
		return rv.members.Role(user)
	}
	return roster.None
}

// MembersOf returns at most limit members of a room behind one in the order of their names, with a role of at least least (roster.Page).
func (h *Hub) MembersOf(room, after string, least roster.Role, limit int) (page []roster.Entry, more bool) {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if rv := in.values[room]; rv != nil {
		return rv.members.Page(after, least, limit)
	}
	return nil, false
}

// RosterRoom is a room with a roster or a description.
type RosterRoom struct {
	Channel string          `json:"channel"`
	Role    string          `json:"role,omitempty"` // of the user that reads it
	Title   string          `json:"title,omitempty"`
	Topic   string          `json:"topic,omitempty"`
	Avatar  string          `json:"avatar,omitempty"`
	Meta    json.RawMessage `json:"meta,omitempty"`
	Members int             `json:"members"`
}

// Size estimates the bytes of its JSON.
func (rr *RosterRoom) Size() int {
	const fields = 80
	return fields + len(rr.Channel) + len(rr.Title) + len(rr.Topic) + len(rr.Avatar) + len(rr.Meta)
}

// RosterRoom returns a room as a user reads it; ok is false if the room has neither members nor a description.
func (h *Hub) RosterRoom(room, user string) (rr RosterRoom, ok bool) {
	rr.Channel = room
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	rv := in.values[room]
	var encoded []byte
	if rv != nil {
		encoded, rr.Members = rv.get(infoKey), rv.members.Len()
		rr.Role = rv.members.Role(user).String()
	}
	in.Mu.Unlock()
	if len(encoded) == 0 {
		return rr, rr.Members > 0
	}
	var info roster.Info
	if err := json.Unmarshal(encoded, &info); err == nil { // else an import had it so
		rr.Title, rr.Topic, rr.Avatar, rr.Meta = info.Title, info.Topic, info.Avatar, info.Meta
	}
	return rr, true
}

// RoomsOf returns rooms of whose rosters a user is a member, behind one in the order of their names: at most limit, and at most maxBytes of
// JSON after the first.
func (h *Hub) RoomsOf(user, after string, limit, maxBytes int) (page []RosterRoom, more bool) {
	names, more := h.members.Page(user, after, limit)
	size := 0
	for _, name := range names {
		rr, _ := h.RosterRoom(name, user)
		if rr.Role == "" {
			continue // removed meanwhile
		}
		if size += rr.Size(); size > maxBytes && len(page) > 0 {
			return page, true
		}
		page = append(page, rr)
	}
	return page, more
}

// RostersOf returns the number of rooms of whose rosters a user is a member.
func (h *Hub) RostersOf(user string) int { return h.members.Count(user) }

// ShareRoster sets is[i] if others[i] is in a roster that a user is in.
func (h *Hub) ShareRoster(user string, others []string, is []bool) { h.members.Share(user, others, is) }

// RosterNamesOf returns the names of rooms of whose rosters a user is a member, behind one in their order: at most limit.
func (h *Hub) RosterNamesOf(user, after string, limit int) (page []string, more bool) {
	return h.members.Page(user, after, limit)
}
