package api

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/session"
)

// The methods for rosters: which users belong to a room, with which role, and what the room is called.

// apiRoomInfo creates or updates a room.
type apiRoomInfo struct {
	apiRoom
	roster.InfoChange
}

// apiNewRoom creates a room.
type apiNewRoom struct {
	apiRoomInfo
	Owner string `json:"owner"`
}

func (nr *apiNewRoom) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(nr.Channel); e != nil {
		return nil, e
	}
	done, wait := awaitProposal()
	a.sessions.CreateRoom(nr.Channel, nr.Owner, nr.InfoChange, done)
	return emptied(wait(ctx))
}

func (ri *apiRoomInfo) update(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(ri.Channel); e != nil {
		return nil, e
	}
	done, wait := awaitProposal()
	a.sessions.UpdateRoom(ri.Channel, "", ri.InfoChange, done)
	return emptied(wait(ctx))
}

// emptied returns an empty result in place of a position.
func emptied(_ any, e *protocol.Error) (any, *protocol.Error) {
	if e != nil {
		return nil, e
	}
	return emptyResult{}, nil
}

// deleteRoom removes a room with its history, its members and its description, and ends all subscriptions to it: those of its members, also while
// they wait for a webhook, and those of other clients.
func (r *apiRoom) deleteRoom(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := validRoom(r.Channel); e != nil {
		return nil, e
	}
	members := a.allMembers(r.Channel)
	if a.sessions.RoomRef(r.Channel).Options.HistorySize > 0 {
		if _, e := r.clear(ctx, a); e != nil {
			return nil, e
		}
	}
	for more := true; more; {
		done, wait := awaitProposal()
		a.sessions.DeleteRoom(r.Channel, func(left bool, e *chat.Rejection) {
			more = left
			done(chat.StreamPosition{}, e)
		})
		if _, e := wait(ctx); e != nil {
			return nil, e
		}
	}
	for _, m := range members {
		target := apiTarget{User: m.User}
		if e := target.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: r.Channel, Cause: chat.EndedByDeletion}}); e != nil {
			return nil, e
		}
	}
	return emptyResult{}, session.ErrorOf(a.sessions.EndSubscriptions(ctx, r.Channel))
}

// allMembers returns the roster of a room. It is read a page at a time, because the lock of the room is held for each.
func (a *API) allMembers(room string) (all []roster.Entry) {
	for more, after := true, ""; more; {
		var page []roster.Entry
		page, more = a.sessions.MembersOf(room, after, roster.Member, maxRosterPage)
		if len(page) > 0 {
			all, after = append(all, page...), page[len(page)-1].User
		}
	}
	return all
}

// apiMembers changes several members of a room.
type apiMembers struct {
	apiRoom
	Users []string `json:"users"`
}

// apiNewMembers adds members to a room.
type apiNewMembers struct {
	apiMembers
	Role string `json:"role"` // empty: member
}

func (nm *apiNewMembers) do(ctx context.Context, a *API) (any, *protocol.Error) {
	role := roster.Member
	if nm.Role != "" {
		var e *protocol.Error
		if role, e = parseRole(nm.Role); e != nil {
			return nil, e
		}
	}
	return nm.change(ctx, a, chat.MemberChange{Role: role, Add: true})
}

func (am *apiMembers) remove(ctx context.Context, a *API) (any, *protocol.Error) {
	return am.change(ctx, a, chat.MemberChange{})
}

// apiMemberRole gives a member another role.
type apiMemberRole struct {
	apiRoom
	User string `json:"user"`
	Role string `json:"role"`
}

func (mr *apiMemberRole) do(ctx context.Context, a *API) (any, *protocol.Error) {
	role, e := parseRole(mr.Role)
	if e != nil {
		return nil, e
	}
	if e := checkUser(mr.User); e != nil {
		return nil, e
	}
	one := apiMembers{mr.apiRoom, []string{mr.User}}
	return one.change(ctx, a, chat.MemberChange{Role: role})
}

func parseRole(name string) (roster.Role, *protocol.Error) {
	role, ok := roster.ParseRole(name)
	if !ok {
		return role, badRequest("role: %q: want member, moderator or owner", name)
	}
	return role, nil
}

// change changes members, and ends the subscriptions that the new roles do not allow.
func (am *apiMembers) change(ctx context.Context, a *API, c chat.MemberChange) (any, *protocol.Error) {
	switch {
	case a.CheckRoom(am.Channel) != nil:
		return nil, a.CheckRoom(am.Channel)
	case len(am.Users) == 0 || len(am.Users) > chat.MaxMemberChange:
		return nil, badRequest("users: want 1 to %d", chat.MaxMemberChange)
	}
	c.Room, c.Users = am.Channel, am.Users
	done, wait := awaitProposal()
	a.sessions.ChangeMembers(c, done)
	if _, e := wait(ctx); e != nil {
		return nil, e
	}
	return emptyResult{}, session.ErrorOf(a.sessions.EndDeniedSubscriptions(ctx, c))
}

// apiPage asks for a page of a list.
type apiPage struct {
	After string `json:"after"` // the last name of the page before; empty for the first page
	Limit int    `json:"limit"` // 0: maxRosterPage
}

// maxRosterPage is the limit of rooms or members in one page.
const (
	maxRosterPage  = 1_000
	maxRosterBytes = 1 << 20
)

func (pg *apiPage) check() *protocol.Error {
	if pg.Limit < 0 || pg.Limit > maxRosterPage {
		return badRequest("limit: want 1 to %d, or 0 for %d", maxRosterPage, maxRosterPage)
	}
	if pg.Limit == 0 {
		pg.Limit = maxRosterPage
	}
	return nil
}

// apiMemberList lists the members of a room.
type apiMemberList struct {
	apiRoom
	apiPage
}

func (ml *apiMemberList) do(_ context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(ml.Channel); e != nil {
		return nil, e
	}
	if e := ml.check(); e != nil {
		return nil, e
	}
	page, more := a.sessions.MembersOf(ml.Channel, ml.After, roster.Member, ml.Limit)
	return session.MembersResult(page, more), nil
}

// apiRooms lists the rooms with a roster or a description: of a user, or all.
type apiRooms struct {
	User string `json:"user"`
	apiPage
}

func (rl *apiRooms) do(_ context.Context, a *API) (any, *protocol.Error) {
	if e := rl.check(); e != nil {
		return nil, e
	}
	if rl.User == "" {
		return session.RoomsResult(a.sessions.RosterRooms(rl.After, rl.Limit, maxRosterBytes)), nil
	}
	return session.RoomsResult(a.sessions.RoomsOf(rl.User, rl.After, rl.Limit, maxRosterBytes)), nil
}
