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
//
// The members lie in chunks, so that a change moves few of them: the lock of many rooms is held meanwhile.
type Roster struct {
	chunks [][]Entry // by user; each has 1 to maxChunk members, of 24 bytes and the name
	size   int
	counts [roles]int
}

const maxChunk = 512

// place is where a member is, or would be: its chunk, and the index in the chunk.
type place struct{ chunk, at int }

// find returns the place of a user, and whether it is a member. It takes O(log n).
func (ro *Roster) find(user string) (p place, is bool) {
	p.chunk, is = slices.BinarySearchFunc(ro.chunks, user, func(c []Entry, user string) int { return strings.Compare(c[0].User, user) })
	if is || p.chunk == 0 {
		return p, is
	}
	p.chunk--
	p.at, is = slices.BinarySearchFunc(ro.chunks[p.chunk], user, func(e Entry, user string) int { return strings.Compare(e.User, user) })
	return p, is
}

// behind returns the place behind a user, that of the first member if user is empty.
func (ro *Roster) behind(user string) place {
	p, is := ro.find(user)
	if is {
		p.at++
	}
	return p
}

// from calls do with each member from a place on, in the order of their names, until do returns false.
func (ro *Roster) from(p place, do func(Entry) bool) {
	for ; p.chunk < len(ro.chunks); p = (place{p.chunk + 1, 0}) {
		for _, e := range ro.chunks[p.chunk][p.at:] {
			if !do(e) {
				return
			}
		}
	}
}

// Role returns the role of a user. It takes O(log n).
func (ro *Roster) Role(user string) Role {
	if p, ok := ro.find(user); ok {
		return ro.chunks[p.chunk][p.at].Role
	}
	return None
}

// Set gives a user a role; None removes it. It keeps e.User. It returns the role before.
func (ro *Roster) Set(e Entry) (before Role) {
	p, ok := ro.find(e.User)
	if ok {
		before = ro.chunks[p.chunk][p.at].Role
		ro.counts[before]--
	}
	switch {
	case ok && e.Role == None:
		ro.remove(p)
	case ok:
		ro.chunks[p.chunk][p.at].Role, ro.chunks[p.chunk][p.at].At = e.Role, e.At
	case e.Role != None:
		ro.insert(p, e)
	}
	if e.Role != None {
		ro.counts[e.Role]++
	}
	return before
}

// insert adds a member at its place.
func (ro *Roster) insert(p place, e Entry) {
	ro.size++
	if len(ro.chunks) == 0 {
		ro.chunks = [][]Entry{{e}}
		return
	}
	if c := ro.chunks[p.chunk]; len(c) == maxChunk {
		half := maxChunk / 2
		if p.chunk == len(ro.chunks)-1 && p.at == maxChunk {
			half = maxChunk // in the order of names: the chunk stays full
		}
		ro.chunks[p.chunk] = slices.Clone(c[:half])
		ro.chunks = slices.Insert(ro.chunks, p.chunk+1, slices.Clone(c[half:]))
		if p.at >= half {
			p = place{p.chunk + 1, p.at - half}
		}
	}
	ro.chunks[p.chunk] = slices.Insert(ro.chunks[p.chunk], p.at, e)
}

// remove removes the member at a place. A chunk with few members joins the next one.
func (ro *Roster) remove(p place) {
	ro.size--
	c := slices.Delete(ro.chunks[p.chunk], p.at, p.at+1)
	if next := p.chunk + 1; next < len(ro.chunks) && len(c)+len(ro.chunks[next]) <= maxChunk/2 {
		c = append(c, ro.chunks[next]...)
		ro.chunks = slices.Delete(ro.chunks, next, next+1)
	}
	switch {
	case len(c) == 0:
		ro.chunks = slices.Delete(ro.chunks, p.chunk, p.chunk+1)
		return
	case len(c) < cap(c)/4:
		c = slices.Clone(c)
	}
	ro.chunks[p.chunk] = c
}

// Len returns the number of members.
func (ro *Roster) Len() int { return ro.size }

// Count returns the number of members with a role.
func (ro *Roster) Count(r Role) int { return ro.counts[r] }

// All calls do with each member, in the order of their names, until do returns false.
func (ro *Roster) All(do func(Entry) bool) { ro.from(place{}, do) }

// Page returns at most limit members behind a user in the order of their names, the first ones if after is empty. least is the smallest role
// of them. more reports whether others follow. A page does not skip or repeat a member that stays.
func (ro *Roster) Page(after string, least Role, limit int) (page []Entry, more bool) {
	ro.from(ro.behind(after), func(e Entry) bool {
		switch {
		case e.Role < least:
		case len(page) == limit:
			more = true
		default:
			page = append(page, e)
		}
		return !more
	})
	return page, more
}

// Users appends users behind one in the order of their names to dst, the first ones if after is empty, until dst is full.
func (ro *Roster) Users(dst []string, after string) []string {
	ro.from(ro.behind(after), func(e Entry) bool {
		if len(dst) == cap(dst) {
			return false
		}
		dst = append(dst, e.User)
		return true
	})
	return dst
}
