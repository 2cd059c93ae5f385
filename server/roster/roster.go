package roster

import (
	"slices"
	"strings"
)

// Role is what a user may do in a room. A larger role may do all that a smaller one may.
type Role uint8

const (
	None Role = iota // not a member
	Member
	Moderator
	Owner
	roles
)

var roleNames = [roles]string{Member: "member", Moderator: "moderator", Owner: "owner"}

// String returns the name of a role; empty for None.
func (r Role) String() string { return roleNames[r] }

// ParseRole returns the role with a name; None and false for an unknown one.
func ParseRole(name string) (Role, bool) {
	for r := Member; r < roles; r++ {
		if roleNames[r] == name {
			return r, true
		}
	}
	return None, false
}

// Limits of rosters.
const (
	MaxMembers   = 50_000 // of one room
	MaxUserRooms = 1_000  // of one user
	MaxUser      = 256    // bytes of the name of a user
)

// Entry is a member of a room.
type Entry struct {
	User string
	Role Role
	At   uint32 // of the caller: which record has it
}

// Roster has the members of one room. The zero value has none. Not safe for concurrent use.
type Roster struct {
	members []Entry // by user: 24 bytes and the name for each
	counts  [roles]int
}

// find returns the index of a user, and whether it is a member.
func (ro *Roster) find(user string) (int, bool) {
	return slices.BinarySearchFunc(ro.members, user, func(e Entry, user string) int { return strings.Compare(e.User, user) })
}

// Role returns the role of a user. It takes O(log n).
func (ro *Roster) Role(user string) Role {
	if i, ok := ro.find(user); ok {
		return ro.members[i].Role
	}
	return None
}

// Set gives a user a role; None removes it. It keeps e.User. It returns the role before.
func (ro *Roster) Set(e Entry) (before Role) {
	i, ok := ro.find(e.User)
	if ok {
		before = ro.members[i].Role
		ro.counts[before]--
	}
	switch {
	case ok && e.Role == None:
		ro.members = slices.Delete(ro.members, i, i+1)
		if len(ro.members) < cap(ro.members)/4 {
			ro.members = slices.Clone(ro.members)
		}
	case ok:
		ro.members[i].Role, ro.members[i].At = e.Role, e.At
	case e.Role != None:
		ro.members = slices.Insert(ro.members, i, e)
	}
	if e.Role != None {
		ro.counts[e.Role]++
	}
	return before
}

// Len returns the number of members.
func (ro *Roster) Len() int { return len(ro.members) }

// Count returns the number of members with a role.
func (ro *Roster) Count(r Role) int { return ro.counts[r] }

// All calls do with each member, in the order of their names, until do returns false.
func (ro *Roster) All(do func(Entry) bool) {
	for _, e := range ro.members {
		if !do(e) {
			return
		}
	}
}

// Page returns at most limit members behind a user in the order of their names, the first ones if after is empty. least is the smallest role
// of them. more reports whether others follow. A page does not skip or repeat a member that stays.
func (ro *Roster) Page(after string, least Role, limit int) (page []Entry, more bool) {
	i := 0
	if after != "" {
		var ok bool
		if i, ok = ro.find(after); ok {
			i++
		}
	}
	for ; i < len(ro.members); i++ {
		switch {
		case ro.members[i].Role < least:
		case len(page) == limit:
			return page, true
		default:
			page = append(page, ro.members[i])
		}
	}
	return page, false
}

// Users appends users behind one in the order of their names to dst, the first ones if after is empty, until dst is full.
func (ro *Roster) Users(dst []string, after string) []string {
	i, ok := ro.find(after)
	if ok {
		i++
	}
	for ; i < len(ro.members) && len(dst) < cap(dst); i++ {
		dst = append(dst, ro.members[i].User)
	}
	return dst
}
