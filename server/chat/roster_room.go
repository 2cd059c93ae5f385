package chat

import (
	"slices"

	"github.com/throng-chat/throng/server/roster"
)

// Rooms as the application and their owners create, describe and delete them.

// CreateRoom stores what a room is called, and its owner; empty for none. The rejections are those of ChangeMembers, and CauseInvalid: the room
// has a description already, or a field is not valid.
func (h *Hub) CreateRoom(room, owner string, info roster.InfoChange, done Done) {
	h.ChangeValues(room, func(now ValueReader) ([]Value, *Rejection) {
		if len(now.Get(infoKey)) > 0 {
			return nil, &Rejection{CauseInvalid, "the room is created already: update it"}
		}
		changes, e := changeInfo(now, info)
		if e != nil || owner == "" {
			return changes, e
		}
		c := MemberChange{Room: room, Role: roster.Owner, Add: true}
		v, e := h.changeMember(&c, now, owner)
		if v != nil {
			changes = append(changes, *v)
		}
		return changes, e
	}, done)
}

// UpdateRoom changes what a room is called. by is the user that changes it, empty for the application: it must be a moderator. The rejections
// are those of ChangeValues, and CauseInvalid: a field is not valid.
func (h *Hub) UpdateRoom(room, by string, info roster.InfoChange, done Done) {
	h.ChangeValues(room, func(now ValueReader) ([]Value, *Rejection) {
		if by != "" && now.role(by) < roster.Moderator {
			return nil, rejectDenied
		}
		return changeInfo(now, info)
	}, done)
}

func changeInfo(now ValueReader, info roster.InfoChange) ([]Value, *Rejection) {
	encoded, err := info.Apply(now.Get(infoKey))
	if err != nil {
		return nil, &Rejection{CauseInvalid, err.Error()}
	}
	return []Value{{infoKey, encoded}}, nil
}

// DeleteRoom removes all values of a room: its members, its description, and the markers of its readers. The caller clears its history first.
func (h *Hub) DeleteRoom(room string, done Done) { h.SetValues(room, []Value{{}}, done) }

// RosterRooms returns rooms with a roster or a description, behind one in the order of their names: at most limit, and at most maxBytes of
// JSON after the first. It reads the names of all of them: not for a goroutine of the loop.
func (h *Hub) RosterRooms(after string, limit, maxBytes int) (page []RosterRoom, more bool) {
	var names []string
	h.Rooms.each(func(in *Stripe) {
		for name, rv := range in.values {
			if name > after && (rv.members.Len() > 0 || len(rv.get(infoKey)) > 0) {
				names = append(names, name)
			}
		}
	})
	slices.Sort(names)
	size := 0
	for i, name := range names {
		rr, ok := h.RosterRoom(name, "")
		if !ok {
			continue // deleted meanwhile
		}
		if size += rr.Size(); i == limit || size > maxBytes && len(page) > 0 {
			return page, true
		}
		page = append(page, rr)
	}
	return page, false
}
