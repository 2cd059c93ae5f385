package chat

import (
	"strings"

	"github.com/throng-chat/throng/server/name"
)

// NameRules are the access rules that the name of a room itself carries, as in Centrifugo. They hold for every action, in addition
// to the room's options; the application (asker.server) is exempt. Constant after New.
type NameRules struct {
	Users   string // one character: behind its last occurrence in a name is the list of the users of the room; "" for no such rule
	Private string // one character: a name that begins with it requires a subscription token; "" for no such rule
}

// userSeparator stands between the users of a list.
const userSeparator = ","

// allow reports whether the name of a room lets a do d there, and whether the room is the personal room of a's user: the list is
// that user alone, and nothing stands before it. A connection that the application has put into a room may do what its members may.
func (n NameRules) allow(a Actor, d Action, room string) (personal, ok bool) {
	if n.Private != "" && strings.HasPrefix(room, n.Private) && !a.Token {
		return false, false
	}
	if n.Users == "" || !strings.Contains(room, n.Users) { // most rooms: asked for each message, so by the fastest search there is
		return false, true
	}
	at := strings.LastIndex(room, n.Users)
	list := room[at+len(n.Users):]
	listed := n.lists(list, a.User)
	return listed && at == 0 && list == a.User, listed || a.Inside && d != ToSubscribe
}

// allowPlain reports whether the name of a room lets plain clients in.
func (n NameRules) allowPlain(room string) bool {
	_, ok := n.allow(Actor{}, ToSubscribe, room)
	return ok
}

// lists reports whether a user is one of a list. Nobody in particular is in no list.
func (n NameRules) lists(list, user string) bool {
	if user == "" {
		return false
	}
	for name := range strings.SplitSeq(list, userSeparator) {
		if name == user {
			return true
		}
	}
	return false
}

// PersonalRoom returns the name of the room that belongs to a user alone. ok is false where there is no such room: the user has no
// name, or one that a list of users cannot hold, or the name of the room would not be valid.
func (n NameRules) PersonalRoom(user string) (room string, ok bool) {
	room = n.Users + user
	return room, n.Users != "" && user != "" && !strings.ContainsAny(user, n.Users+userSeparator) && ValidRoomName(room)
}

// MaxRoomName is how many bytes the name of a room may have.
const MaxRoomName = 255

// ValidRoomName allows 1 to MaxRoomName bytes of UTF-8 without control or invisible characters.
func ValidRoomName(s string) bool { return s != "" && len(s) <= MaxRoomName && name.Visible(s) }
