package importing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/name"
)

// Options are how rooms and users are named.
type Options struct {
	Public  string // beginning of the names of rooms that were public channels, such as "chat:"
	Private string // of private channels and of groups without a name
	Direct  string // of direct rooms; "#" and the two users follow
	Users   UserKey
}

// UserKey is the field of a user that becomes the user ID: the claim "sub" of its tokens.
type UserKey string

const (
	ByName  UserKey = "name"
	ByID    UserKey = "id" // Slack only
	ByEmail UserKey = "email"
)

// people are the users of an export by the key that its messages use.
type people struct {
	known map[string]person
	key   UserKey
}

func newPeople(key UserKey) *people { return &people{known: map[string]person{}, key: key} }

// add adds a user. Its ID falls back to its name and then to the key of the export.
func (pe *people) add(key, id, userName, email, shown string, report *Report) error {
	if len(pe.known) >= MaxUsers {
		return fmt.Errorf("the export has more than %d users", MaxUsers)
	}
	user := map[UserKey]string{ByName: userName, ByID: id, ByEmail: strings.ToLower(email)}[pe.key]
	if !validUser(user) {
		report.change(fmt.Sprintf("user without a valid %s has the ID of the export", pe.key))
		user = key
	}
	if !validUser(key) || !validUser(user) {
		report.skip("user without a valid name")
		return nil
	}
	pe.known[key] = person{user: user, name: cut(shown, maxName)}
	return nil
}

// of returns a user by its key. A user that the export does not describe has its key as ID.
func (pe *people) of(key string, report *Report) person {
	if p, ok := pe.known[key]; ok {
		return p
	}
	if !validUser(key) {
		return person{}
	}
	report.change("message or change of a user that the export does not describe")
	return person{user: key}
}

// all returns users by their keys, and their IDs, in the order of the IDs and each once.
func (pe *people) all(keys []string, report *Report) (all []person, users []string) {
	for _, key := range keys {
		all = append(all, pe.of(key, report))
	}
	slices.SortFunc(all, func(a, b person) int { return strings.Compare(a.user, b.user) })
	all = slices.CompactFunc(all, func(a, b person) bool { return a.user == b.user })
	for _, p := range all {
		users = append(users, p.user)
	}
	return all, users
}

// validUser reports whether throng accepts a user ID that it can put into the name of a room.
func validUser(user string) bool { return user != "" && len(user) <= maxName && name.Visible(user) }

// cut returns the beginning of a text, in whole characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// direct returns the name of the room of users: that of a direct room for one or two, otherwise that of a private room. ok is false if there is
// no valid name.
func (op *Options) direct(users []string) (room string, ok bool) {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	if len(users) == 0 {
		return "", false
	}
	list := strings.Join(users, ",")
	if len(users) > 2 {
		sum := sha256.Sum256([]byte(list))
		return op.Private + "group/" + hex.EncodeToString(sum[:8]), true
	}
	for _, user := range users {
		if strings.ContainsAny(user, "#,") {
			return "", false
		}
	}
	room = op.Direct + "#" + list
	return room, validRoom(room)
}

// named returns the name of the room of a channel. ok is false if it is not valid: a # would make it a room of the users after it.
func named(prefix, channel string) (room string, ok bool) {
	room = prefix + channel
	return room, channel != "" && !strings.Contains(channel, "#") && validRoom(room)
}

// maxRoomName is chat.MaxRoomName.
const maxRoomName = 255

func validRoom(room string) bool { return len(room) <= maxRoomName && name.Visible(room) }

// mentioned adds a user to mentions, once.
func mentioned(mentions []string, user string) []string {
	if user == "" || len(mentions) > MaxMentions || slices.Contains(mentions, user) {
		return mentions
	}
	return append(mentions, user)
}

// here is the mention of all members.
const here = "@here"
