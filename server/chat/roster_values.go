package chat

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/throng-chat/throng/server/roster"
)

// Keys of the values of rosters.
const (
	memberPrefix = "m/" // and the user: its role, as a JSON string
	infoKey      = "i"  // what the room is called: a roster.Info
)

// rosterFamily keeps the roster members of a room. A role that this throng does not know counts as that of a member.
type rosterFamily struct {
	roster.Roster
	room  string
	index *roster.Index
}

func (rf *rosterFamily) set(v Value, at valueAt) (before int) {
	user := v.Key[len(memberPrefix):]
	role := roleOf(v.Data)
	if role == roster.None {
		rf.index.Remove(user, rf.room)
	} else {
		user = rf.index.Add(user, rf.room)
	}
	was := rf.Set(roster.Entry{User: user, Role: role, At: uint32(at)})
	if was == roster.None {
		return -1
	}
	return len(dataOf(was))
}

func (rf *rosterFamily) get(key string) []byte { return dataOf(rf.Role(key[len(memberPrefix):])) }

func (rf *rosterFamily) each(do func(v Value, at valueAt) bool) {
	rf.All(func(e roster.Entry) bool { return do(Value{memberPrefix + e.User, dataOf(e.Role)}, valueAt(e.At)) })
}

func (rf *rosterFamily) drop() {
	rf.All(func(e roster.Entry) bool {
		rf.index.Remove(e.User, rf.room)
		return true
	})
	rf.Roster = roster.Roster{}
}

// roleData is the data of the values of members, by role.
var roleData = [...][]byte{roster.Member: []byte(`"member"`), roster.Moderator: []byte(`"moderator"`), roster.Owner: []byte(`"owner"`)}

func dataOf(r roster.Role) []byte { return roleData[r] }

// roleOf returns the role that a value of a member has; None for a removal.
func roleOf(data []byte) roster.Role {
	if len(data) == 0 {
		return roster.None
	}
	for r := roster.Member; int(r) < len(roleData); r++ {
		if bytes.Equal(data, roleData[r]) {
			return r
		}
	}
	var name string // written by another version
	if json.Unmarshal(data, &name) == nil {
		if r, ok := roster.ParseRole(name); ok {
			return r
		}
	}
	return roster.Member
}

// isMemberKey reports whether a key is that of a roster member.
func isMemberKey(key string) bool {
	return strings.HasPrefix(key, memberPrefix) && len(key) > len(memberPrefix)
}

// role returns the role of a user as it is when all proposed changes are committed.
func (vr ValueReader) role(user string) roster.Role { return roleOf(vr.Get(memberPrefix + user)) }

// count returns the number of members with a role, or of all if role is None, as role does.
func (vr ValueReader) count(role roster.Role) int {
	if vr.values == nil {
		return 0
	}
	n := 0
	if _, all := vr.values.proposed[""]; !all {
		n = vr.values.members.Len()
		if role != roster.None {
			n = vr.values.members.Count(role)
		}
	}
	counts := func(r roster.Role) int {
		if r != roster.None && (role == roster.None || r == role) {
			return 1
		}
		return 0
	}
	_, all := vr.values.proposed[""]
	for key, p := range vr.values.proposed {
		if isMemberKey(key) {
			n += counts(roleOf(p.data))
			if !all {
				n -= counts(vr.values.members.Role(key[len(memberPrefix):]))
			}
		}
	}
	return n
}
