package importing

import (
	"fmt"
	"strings"
)

// Roles of members, as server/roster has them.
const (
	owner     = "owner"
	moderator = "moderator"
	member    = "member"
)

// MaxMembers is roster.MaxMembers.
const MaxMembers = 50_000

// valueFields are the members of the line of a value after "key" (docs/data.md).
type valueFields struct {
	Time int64 `json:"time"`
	Data any   `json:"data"`
}

// roomInfo is what a room is called: the value "i" of the room.
type roomInfo struct {
	Title string `json:"title,omitempty"`
	Topic string `json:"topic,omitempty"`
}

// info sets what a room is called.
func (wr *writer) info(room, title, topic string) error {
	if title == "" && topic == "" {
		return nil
	}
	return wr.value(room, "i", anInfo, roomInfo{cut(title, maxName), cut(topic, maxTopic)})
}

// member adds a member to a room.
func (wr *writer) member(room string, p person, role string) error {
	switch {
	case p.user == "":
		wr.report.skip("member without a valid name")
		return nil
	case wr.members[room] >= MaxMembers:
		wr.report.skip(fmt.Sprintf("member of a room that has %d", MaxMembers))
		return nil
	}
	wr.members[room]++
	return wr.value(room, "m/"+p.user, aMember, role)
}

// listDirect makes the two users of a direct room its members, with its first message: both find the room in their lists, as they do if they write
// that message to the server.
func (wr *writer) listDirect(room string) error {
	_, users, direct := strings.Cut(room, "#")
	a, b, two := strings.Cut(users, ",")
	if !direct || !two || wr.members[room] > 0 {
		return nil
	}
	if err := wr.member(room, person{user: a}, member); err != nil {
		return err
	}
	return wr.member(room, person{user: b}, member)
}

// value adds the line of a value. Values are before publications.
func (wr *writer) value(room, key string, k kind, data any) error {
	encoded, err := encode(valueFields{Data: data})
	if err != nil {
		return err
	}
	return wr.sorter.add(item{kind: k, room: room, message: key, fields: encoded[1:]})
}
