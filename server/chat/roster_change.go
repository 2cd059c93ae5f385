package chat

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/throng-chat/throng/server/roster"
)

// Changes of rosters, by the application or by a user.

// MemberChange is a change of the roster of a room.
type MemberChange struct {
	Room  string
	By    string // the user that changes it; empty: the application
	Users []string
	Role  roster.Role // None: the users are removed
	Add   bool        // users that are members keep their role
}

// MaxMemberChange is the number of users of one MemberChange, at most.
const MaxMemberChange = 1_000

var (
	rejectRank  = &Rejection{CauseDenied, "want a larger role in the room than that of the user and the role to give"}
	rejectOwner = &Rejection{CauseDenied, "the last owner stays while the room has other members: make one of them owner first"}
)

// ChangeMembers changes a roster. The rejections are those of ChangeValues, and:
//
//   - CauseInvalid: the name of a user has no 1 to roster.MaxUser bytes, or a role is for a user that is not a member. To remove such a user is a success.
//   - CauseLimit: the room has roster.MaxMembers, or a user is in roster.MaxUserRooms rooms.
//   - CauseDenied: By may not do it. A user changes users with a smaller role than its own, and gives smaller roles than its own; an owner
//     changes all users and gives all roles. A user may leave, except the last owner of a room with other members.
//
// A change by the application of more than membersPerStep users has several steps. It is rejected as a whole, except if another change comes between
// its check and its steps, or if the disk fails.
func (h *Hub) ChangeMembers(c MemberChange, done Done) {
	c.Users = slices.Compact(slices.Sorted(slices.Values(c.Users)))
	if c.By != "" || len(c.Users) <= membersPerStep {
		h.changeMembers(c, done)
		return
	}
	steps := slices.Collect(slices.Chunk(c.Users, membersPerStep))
	if e := h.checkMembers(c, steps); e != nil {
		done(StreamPosition{}, e)
		return
	}
	done = afterAll(len(steps), done)
	for _, c.Users = range steps {
		h.changeMembers(c, done)
		runtime.Gosched() // others wait for the lock
	}
}

// membersPerStep is the number of members that one step of a change handles, at most: the lock of the stripe is held for less than 1 ms.
const membersPerStep = 200

// afterAll returns a Done that calls done once, after n calls, with the first rejection.
func afterAll(n int, done Done) Done {
	var left atomic.Int32
	var first atomic.Pointer[Rejection]
	left.Store(int32(n))
	return func(at StreamPosition, e *Rejection) {
		if e != nil {
			first.CompareAndSwap(nil, e)
		}
		if left.Add(-1) == 0 {
			done(at, first.Load())
		}
	}
}

// checkMembers returns the rejection of a change by the application that has several steps; nil for none.
func (h *Hub) checkMembers(c MemberChange, steps [][]string) *Rejection {
	in := h.Rooms.StripeOf(c.Room)
	check := func(users []string, added int) (int, *Rejection) {
		in.Mu.Lock()
		defer in.Mu.Unlock()
		now := ValueReader{in.values[c.Room]}
		for _, user := range users {
			v, e := h.changeMember(&c, now, user)
			if e != nil {
				return 0, e
			}
			if v != nil {
				added++
			}
		}
		return added, c.fits(now, added)
	}
	added := 0
	for _, users := range steps {
		var e *Rejection
		if added, e = check(users, added); e != nil {
			return e
		}
		runtime.Gosched()
	}
	return nil
}

// fits returns the rejection of a change that adds so many members to a room; nil for none.
func (mc *MemberChange) fits(now ValueReader, added int) *Rejection {
	if before := now.count(roster.None); mc.Add && before+added > roster.MaxMembers {
		return &Rejection{CauseLimit, fmt.Sprintf("the room has %d members, of %d that are allowed", before, roster.MaxMembers)}
	}
	return nil
}

// changeMembers is one step of ChangeMembers.
func (h *Hub) changeMembers(c MemberChange, done Done) {
	h.ChangeValues(c.Room, func(now ValueReader) (changes []Value, e *Rejection) {
		for _, user := range c.Users {
			v, e := h.changeMember(&c, now, user)
			if e != nil {
				return nil, e
			}
			if v != nil {
				changes = append(changes, *v)
			}
		}
		if e := c.fits(now, len(changes)); e != nil {
			return nil, e
		}
		if c.By != "" && c.endsOwners(now) {
			return nil, rejectOwner
		}
		return changes, nil
	}, done)
}

// changeMember returns the change of one user; nil if there is none.
func (h *Hub) changeMember(c *MemberChange, now ValueReader, user string) (*Value, *Rejection) {
	before := now.role(user)
	switch {
	case user == "" || len(user) > roster.MaxUser:
		return nil, &Rejection{CauseInvalid, fmt.Sprintf("the name of the user has %d bytes: want 1 to %d", len(user), roster.MaxUser)}
	case c.Add && before != roster.None, before == c.Role:
		return nil, nil
	case !c.Add && before == roster.None:
		return nil, &Rejection{CauseInvalid, fmt.Sprintf("%q is not a member", user)}
	case !c.mayChange(now, user, before):
		return nil, rejectRank
	case before == roster.None && h.members.Count(user) >= roster.MaxUserRooms:
		return nil, &Rejection{CauseLimit, fmt.Sprintf("%q is a member of %d rooms, the maximum", user, roster.MaxUserRooms)}
	}
	return &Value{memberPrefix + user, dataOf(c.Role)}, nil
}

// mayChange reports whether c.By may change a user with a role.
func (mc *MemberChange) mayChange(now ValueReader, user string, before roster.Role) bool {
	own := now.role(mc.By)
	switch {
	case mc.By == "", own == roster.Owner:
		return true
	case user == mc.By:
		return mc.Role < before
	}
	return own > before && own > mc.Role
}

// endsOwners reports whether a change takes the last owner of a room that has other members.
func (mc *MemberChange) endsOwners(now ValueReader) bool {
	owners, members := now.count(roster.Owner), now.count(roster.None)
	if owners == 0 || mc.Role == roster.Owner || mc.Add {
		return false
	}
	for _, user := range mc.Users {
		switch now.role(user) {
		case roster.None:
			continue
		case roster.Owner:
			owners--
		}
		members--
	}
	return owners <= 0 && (members > 0 || mc.Role != roster.None)
}

// EndDeniedSubscriptions ends the subscriptions of users to a room after a change of their roles, if the room admits roster members or moderators
// only and the role of the user is too small now. Otherwise it is as Execute.
func (h *Hub) EndDeniedSubscriptions(ctx context.Context, c MemberChange) *Rejection {
	access := h.OptionsOf(c.Room).Subscribe
	if !access.needsRole() || c.Add {
		return nil
	}
	for _, user := range c.Users {
		if h.HasAccess(access, c.Room, user) {
			continue
		}
		if e := h.Execute(ctx, TargetedCommand{User: user, Command: Unsubscribe{Room: c.Room, Cause: EndedByRemoval}}); e != nil {
			return e
		}
	}
	return nil
}
