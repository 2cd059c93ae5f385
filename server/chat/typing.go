package chat

import "strings"

// Rooms for typing. The room typing:ROOM is for short-lived data about another room, such as who types there (CHAT.md). Its members see who is in the
// other room, so the permissions of both rooms apply, and the end of a subscription by the server ends both.

const typingPrefix = "typing:"

// TypingRoom returns the room for typing of a room.
func TypingRoom(room string) string { return typingPrefix + room }

// typingOf returns the room that a room for typing is about; ok is false for other rooms.
func typingOf(room string) (of string, ok bool) {
	of, ok = strings.CutPrefix(room, typingPrefix)
	return of, ok && of != ""
}

// authorizeTyping is Authorize for an action in a room for typing, in the room that it is about. The actor counts as a member of that one if it is a
// member of the room for typing, and a token for the one counts for the other: a client may join both in any order. The options of a room without a
// pattern do not count, because such a room may not exist.
func (h *Hub) authorizeTyping(a Actor, action Action, of string) bool {
	in := h.RoomRef(of)
	if !in.Options.unmatched() {
		return h.Authorize(a, action, in)
	}
	_, ok := in.Options.from.Names.allow(a, action, of)
	return (ok || a.Application) && !h.Moderation.Denies(a.User, action, of)
}
