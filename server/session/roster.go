package session

import (
	"encoding/json"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/roster"
)

// The rpc methods that read rosters: rooms, members. A page has at most maxInline bytes and one entry, so the poller makes it.

// Limits of a page of rooms or members.
const (
	defaultRPCPage = 50
	maxRPCPage     = 100
)

// RosterMember is a member of a room, in replies of rpc and of the server API.
type RosterMember struct {
	User string `json:"user"`
	Role string `json:"role"`
}

// membersResult and roomsResult are pages; More reports whether others follow.
type membersResult struct {
	Members []RosterMember `json:"members"`
	More    bool           `json:"more"`
}

type roomsResult struct {
	Rooms []chat.RosterRoom `json:"rooms"`
	More  bool              `json:"more"`
}

// MembersResult returns a page of members.
func MembersResult(page []roster.Entry, more bool) any {
	r := membersResult{Members: make([]RosterMember, len(page)), More: more}
	for i, m := range page {
		r.Members[i] = RosterMember{m.User, m.Role.String()}
	}
	return r
}

// RoomsResult returns a page of rooms.
func RoomsResult(page []chat.RosterRoom, more bool) any {
	if page == nil {
		page = []chat.RosterRoom{}
	}
	return roomsResult{page, more}
}

// pageOf returns the limit of a page: defaultRPCPage for 0. A limit that is not allowed is an error.
func pageOf(limit int) (int, *protocol.Error) {
	switch {
	case limit == 0:
		return defaultRPCPage, nil
	case limit < 0 || limit > maxRPCPage:
		return 0, invalid("limit: found %d, allowed: 1 to %d", limit, maxRPCPage)
	}
	return limit, nil
}

// rooms is the rpc method that lists the rooms of the user.
func (s *Session) rooms(id uint32, params []byte) {
	var p struct {
		After string `json:"after"`
		Limit int    `json:"limit"`
	}
	if !decodeRPC(params, &p) {
		s.fail(id, errNoObject)
		return
	}
	limit, e := pageOf(p.Limit)
	switch {
	case e != nil:
		s.fail(id, e)
	case s.userID() == "":
		s.fail(id, errNeedsUser)
	default:
		s.replyRPC(id, RoomsResult(s.Sessions.RoomsOf(s.userID(), p.After, limit, maxInline)))
	}
}

// members is the rpc method that lists the members of a room. Its members may read it, and who may see the presence.
func (s *Session) members(id uint32, params []byte) {
	var p struct {
		Channel string `json:"channel"`
		After   string `json:"after"`
		Limit   int    `json:"limit"`
	}
	limit, wrong := 0, errNoObject
	if decodeRPC(params, &p) {
		limit, wrong = pageOf(p.Limit)
	}
	switch {
	case wrong != nil:
		s.fail(id, wrong)
		return
	case !chat.ValidRoomName(p.Channel):
		s.fail(id, errNoChannel)
		return
	}
	in := s.roomRef(p.Channel)
	if e := s.mayListMembers(in); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	page, more := s.Sessions.MembersOf(p.Channel, p.After, roster.Member, limit)
	size := 0
	for i := range page {
		if size += len(page[i].User) + len(`{"user":"","role":"moderator"},`); size > maxInline {
			page, more = page[:i], true
			break
		}
	}
	s.replyRPC(id, MembersResult(page, more))
}

// mayListMembers returns why the session may not list the members of a room; nil if it may.
func (s *Session) mayListMembers(in chat.RoomRef) *chat.Rejection {
	actor := s.actorIn(in)
	banned := s.Sessions.Moderation.Denies(actor.User, chat.ToSeePresence, in.Name)
	if !banned && s.Sessions.RoleOf(in.Name, actor.User) != roster.None || s.Sessions.Authorize(actor, chat.ToSeePresence, in) {
		return nil
	}
	return s.Sessions.Denial(actor, chat.ToSeePresence, in)
}

// belongs reports whether the user of the session is in the roster of a room, and may subscribe to it.
func (s *Session) belongs(in chat.RoomRef) bool {
	actor := s.actorIn(in)
	return s.Sessions.RoleOf(in.Name, actor.User) != roster.None && s.Sessions.Authorize(actor, chat.ToSubscribe, in)
}

// decodeRPC decodes the parameters of an rpc method; no bytes count as no parameters.
func decodeRPC(params []byte, to any) bool {
	return len(params) == 0 || json.Unmarshal(params, to) == nil
}

// replyRPC replies to an rpc. The bytes count for the rate of bulk replies. Called on the poller.
func (s *Session) replyRPC(id uint32, result any) {
	data, err := json.Marshal(result)
	if err != nil {
		s.fail(id, errInternal)
		return
	}
	s.chargeBulk(len(data))
	s.Reply(rpcReply(id, data))
}
