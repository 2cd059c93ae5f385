package chat

import (
	"slices"

	"github.com/throng-chat/throng/server/roster"
)

// Rooms as the application and their owners create, describe and delete them.

// CreateRoom stores what a room is called, and its owner; empty for none. The rejections are those of ChangeMembers, and CauseInvalid: the room
// has a description already, or a field is not valid.
func (h *Hub) CreateRoom(room, owner string, info roster.InfoChange, done Done) {
	h.createRoom(room, owner, info, func(ValueReader) *Rejection { return nil }, done)
}

// rejectInUse is the rejection of a room that a user creates, and others use: it would become their owner.
var rejectInUse = &Rejection{CauseDenied, "the room has members or messages already: only the application can give it an owner"}

// CreateOwnRoom is CreateRoom by a user, its owner. The rejections are also CauseDenied: the room has members or publications.
func (h *Hub) CreateOwnRoom(room, owner string, info roster.InfoChange, done Done) {
	h.createRoom(room, owner, info, func(now ValueReader) *Rejection {
		if r := h.Rooms.StripeOf(room).rooms[room]; now.count(roster.None) > 0 || r != nil && !r.isEmpty() {
			return rejectInUse
		}
		return nil
	}, done)
}

// createRoom is CreateRoom if may returns nil. may is called under the lock of the room.
func (h *Hub) createRoom(room, owner string, info roster.InfoChange, may func(ValueReader) *Rejection, done Done) {
	h.ChangeValues(room, func(now ValueReader) ([]Value, *Rejection) {
		if len(now.Get(infoKey)) > 0 {
			return nil, &Rejection{CauseInvalid, "the room is created already: update it"}
		}
		if e := may(now); e != nil {
			return nil, e
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

// deletedPerStep is the number of members that one step of DeleteRoom removes, at most: the lock of the stripe is held for less than 1 ms. Each step waits
// for the disk.
const deletedPerStep = 400

// DeleteRoom removes values of a room: some of its members, or, if it has few, all values: the description and the markers of its readers as well.
// done is called as a Done; more is true if some are left: call DeleteRoom again. The caller clears the history first.
func (h *Hub) DeleteRoom(room string, done func(more bool, e *Rejection)) {
	more := false // of the last decision: a change of another node repeats it
	h.ChangeValues(room, func(now ValueReader) (changes []Value, _ *Rejection) {
		if more = now.values != nil && now.values.members.Len() > deletedPerStep; !more {
			return []Value{{}}, nil
		}
		for _, user := range now.values.members.Users(make([]string, 0, deletedPerStep), "") {
			changes = append(changes, Value{Key: memberPrefix + user})
		}
		return changes, nil
	}, func(_ StreamPosition, e *Rejection) { done(more, e) })
}

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
