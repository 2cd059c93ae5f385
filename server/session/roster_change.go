package session

import (
	"context"
	"log/slog"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/roster"
)

// The rpc methods that change rosters. The reply is sent when the change is committed.

// rosterParams are the parameters of the methods that change rosters and of those of moderators.
type rosterParams struct {
	Channel string   `json:"channel"`
	User    string   `json:"user"`
	Users   []string `json:"users"`
	Role    string   `json:"role"`
	Seconds int64    `json:"seconds"`
	Reason  string   `json:"reason"` // of a ban or a mute
	roster.InfoChange
}

// decodeRoster returns the parameters of a method of a signed-in user. Without them it replies with an error. A banned user may do nothing.
func (s *Session) decodeRoster(id uint32, params []byte) (p rosterParams, ok bool) {
	switch user := s.userID(); {
	case !decodeRPC(params, &p):
		s.fail(id, invalid("a parameter has a wrong type"))
	case !chat.ValidRoomName(p.Channel):
		s.fail(id, errNoChannel)
	case user == "":
		s.fail(id, errNeedsUser)
	case s.Sessions.CheckName(s.roomRef(p.Channel)) != nil:
		s.fail(id, ErrorOf(s.Sessions.CheckName(s.roomRef(p.Channel))))
	case s.Sessions.Moderation.Denies(user, chat.ToSubscribe, p.Channel):
		in := s.roomRef(p.Channel)
		s.fail(id, ErrorOf(s.Sessions.Denial(s.actorIn(in), chat.ToSubscribe, in)))
	default:
		return p, true
	}
	return p, false
}

// joinRoster is the rpc method by which a user becomes a member of a room.
func (s *Session) joinRoster(id uint32, params []byte) {
	p, ok := s.decodeRoster(id, params)
	if !ok {
		return
	}
	in := s.roomRef(p.Channel)
	if in.Options.Join != chat.SignedIn || !s.Sessions.NameAllows(s.userID(), in.Name) {
		s.fail(id, denied("users cannot join this room by themselves (join)"))
		return
	}
	if e := s.Sessions.AdmitsUsers(in.Name); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	s.changeMembers(id, "members_add", chat.MemberChange{Room: p.Channel, Users: []string{s.userID()}, Role: roster.Member, Add: true})
}

// leaveRoster is the rpc method by which a user ends its membership.
func (s *Session) leaveRoster(id uint32, params []byte) {
	p, ok := s.decodeRoster(id, params)
	switch {
	case !ok:
	case s.Sessions.IsDirect(p.Channel):
		s.fail(id, denied("nobody can leave a direct room"))
	default:
		s.changeMembers(id, "members_remove", chat.MemberChange{Room: p.Channel, By: s.userID(), Users: []string{s.userID()}})
	}
}

// invite is the rpc method by which a member adds users to a room.
func (s *Session) invite(id uint32, params []byte) {
	p, ok := s.decodeRoster(id, params)
	if !ok {
		return
	}
	if p.User != "" {
		p.Users = append(p.Users, p.User)
	}
	in := s.roomRef(p.Channel)
	invites, allowed := s.Sessions.HasAccess(in.Options.Invite, in.Name, s.userID()), true
	for _, user := range p.Users[:min(len(p.Users), maxRPCPage)] {
		allowed = allowed && s.Sessions.NameAllows(user, in.Name) && !s.Sessions.Moderation.Denies(user, chat.ToSubscribe, in.Name)
	}
	switch {
	case !invites && in.Options.Invite == chat.Nobody:
		s.fail(id, denied("nobody may invite to this room (invite)"))
	case !invites:
		s.fail(id, denied("only "+string(in.Options.Invite)+" of the room may invite"))
	case len(p.Users) == 0 || len(p.Users) > maxRPCPage:
		s.fail(id, invalid("users: found %d, allowed: 1 to %d", len(p.Users), maxRPCPage))
	case !allowed:
		s.fail(id, denied("users: one of them may not be in this room"))
	default:
		s.changeMembers(id, "members_add", chat.MemberChange{Room: p.Channel, Users: p.Users, Role: roster.Member, Add: true})
	}
}

// setRole is the rpc method by which an owner gives a member another role.
func (s *Session) setRole(id uint32, params []byte) {
	p, ok := s.decodeRoster(id, params)
	if !ok {
		return
	}
	role, known := roster.ParseRole(p.Role)
	switch {
	case !known:
		s.fail(id, invalid("role: found %q, allowed: owner, moderator, member", logqueue.Clip(p.Role)))
	case !s.moderates(p.Channel) || s.Sessions.IsDirect(p.Channel):
		s.fail(id, errModerators)
	default:
		s.changeMembers(id, "members_role", chat.MemberChange{Room: p.Channel, By: s.userID(), Users: []string{p.User}, Role: role})
	}
}

// removeMember is the rpc method by which a moderator removes a member.
func (s *Session) removeMember(id uint32, params []byte) {
	p, ok := s.decodeRoster(id, params)
	switch {
	case !ok:
	case !s.moderates(p.Channel) || s.Sessions.IsDirect(p.Channel):
		s.fail(id, errModerators)
	default:
		s.changeMembers(id, "members_remove", chat.MemberChange{Room: p.Channel, By: s.userID(), Users: []string{p.User}})
	}
}

// moderates reports whether the user is a moderator or an owner of a room. Others learn nothing about its roster.
func (s *Session) moderates(room string) bool {
	return s.Sessions.RoleOf(room, s.userID()) >= roster.Moderator
}

// createRoom is the rpc method by which a user creates a room, as its owner.
func (s *Session) createRoom(id uint32, params []byte) {
	p, ok := s.decodeRoster(id, params)
	if !ok {
		return
	}
	in := s.roomRef(p.Channel)
	if in.Options.Create != chat.SignedIn || !s.Sessions.NameAllows(s.userID(), in.Name) || s.Sessions.IsDirect(in.Name) {
		s.fail(id, denied("users cannot create this room (create)"))
		return
	}
	if e := s.Sessions.AdmitsUsers(in.Name); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	s.Sessions.CreateOwnRoom(p.Channel, s.userID(), p.InfoChange, s.committed(id, s.act("room_create", p.Channel, s.userID())))
}

// updateRoom is the rpc method by which a moderator changes what a room is called.
func (s *Session) updateRoom(id uint32, params []byte) {
	if p, ok := s.decodeRoster(id, params); ok {
		s.Sessions.UpdateRoom(p.Channel, s.userID(), p.InfoChange, s.committed(id, s.act("room_update", p.Channel, "")))
	}
}

// changeMembers changes a roster, and then ends the subscriptions that the new roles do not allow.
func (s *Session) changeMembers(id uint32, action audit.Action, c chat.MemberChange) {
	act := s.act(action, c.Room, c.Users[0])
	act.Details = rosterDetails(c)
	if c.Add { // no subscription ends
		s.Sessions.ChangeMembers(c, s.committed(id, act))
		return
	}
	s.Await(s.Sessions.Moderators, func() func() {
		result := make(chan *chat.Rejection, 1)
		s.Sessions.ChangeMembers(c, func(_ chat.StreamPosition, e *chat.Rejection) { result <- e })
		ctx, cancel := context.WithTimeout(context.Background(), moderationTimeout)
		defer cancel()
		var e *chat.Rejection
		select {
		case e = <-result:
		case <-ctx.Done():
			e = chat.RejectUnavailable
		}
		if e == nil {
			e = s.Sessions.EndDeniedSubscriptions(ctx, c)
		}
		return s.acted(id, act, e)
	}, func() { s.reject(id, ErrTooManyRequests) })
}

// rosterDetails returns the details of a change of a roster.
func rosterDetails(c chat.MemberChange) (list []slog.Attr) {
	if len(c.Users) > 1 {
		list = append(list, slog.Any("users", c.Users))
	}
	if c.Role != roster.None {
		list = append(list, slog.String("role", c.Role.String()))
	}
	return list
}
