package chat

import (
	"strings"

	"github.com/throng-chat/throng/server/name"
)

// NameRules are access rules by the name of a room, as in Centrifugo. They apply to every action, in addition to the room's options. The
// application (Actor.Application) is exempt. Constant after New.
type NameRules struct {
	Users   string // one character: the list of the room's users follows its last occurrence in a name; "": no such rule
	Private string // one character: a name with this prefix requires a subscription token; "": no such rule
}

// userSeparator separates the users of a list.
const userSeparator = ","

// allow reports whether the name of a room allows a to do an action. personal: the room is the personal room of a's user, so the name is the
// separator and that user only. A member that the application has subscribed has the rights of members.
func (n NameRules) allow(a Actor, action Action, room string) (personal, ok bool) {
	if n.Private != "" && strings.HasPrefix(room, n.Private) && !a.Token {
		return false, false
	}
	if n.Users == "" || !strings.Contains(room, n.Users) { // most rooms; called for each message, and Contains is the fastest search
		return false, true
	}
	at := strings.LastIndex(room, n.Users)
	list := room[at+len(n.Users):]
	listed := n.lists(list, a.User)
	return listed && at == 0 && list == a.User, listed || a.Member && action != ToSubscribe
}

// direct returns the two users of a direct room: one whose name ends with a list of exactly two users, such as dialog#42,43. The name has no
// other separator, so that a user cannot begin any number of direct rooms with another one.
func (n NameRules) direct(room string) (a, b string, ok bool) {
	if n.Users == "" {
		return "", "", false
	}
	_, list, _ := strings.Cut(room, n.Users)
	a, b, two := strings.Cut(list, userSeparator)
	return a, b, two && !strings.Contains(list, n.Users) && a != "" && b != "" && a != b && !strings.Contains(b, userSeparator)
}

// inOrder returns the name of a direct room with its users in the order of their bytes, and whether room is that name. All other rooms are. Two
// names would be two rooms for the same users.
func (n NameRules) inOrder(room string) (name string, is bool) {
	a, b, direct := n.direct(room)
	if !direct || a < b {
		return room, true
	}
	return strings.TrimSuffix(room, a+userSeparator+b) + b + userSeparator + a, false
}

// allowPlain reports whether the name of a room allows plain clients to join.
func (n NameRules) allowPlain(room string) bool {
	_, ok := n.allow(Actor{}, ToSubscribe, room)
	return ok
}

// lists reports whether a list has a user. It is false for an anonymous user.
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

// PersonalRoom returns the name of a user's personal room. ok is false if there is none: the user is anonymous, a list cannot hold the
// user's name, or the name of the room would not be valid.
func (n NameRules) PersonalRoom(user string) (room string, ok bool) {
	room = n.Users + user
	return room, n.Users != "" && user != "" && !strings.ContainsAny(user, n.Users+userSeparator) && ValidRoomName(room)
}

// IsPersonal reports whether a room is the personal room of a user.
func (n NameRules) IsPersonal(room, user string) bool {
	rest, ok := strings.CutPrefix(room, n.Users)
	return ok && n.Users != "" && user != "" && rest == user
}

// MaxRoomName is the limit of a room's name in bytes.
const MaxRoomName = 255

// ValidRoomName reports whether a name has 1 to MaxRoomName bytes of UTF-8 without control or invisible characters.
func ValidRoomName(s string) bool { return s != "" && len(s) <= MaxRoomName && name.Visible(s) }
