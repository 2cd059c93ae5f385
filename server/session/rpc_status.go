package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// maxStatusUsers is the limit of users in one rpc status.
const maxStatusUsers = 50

// status is the rpc method that returns which users are connected, and when the others were. It answers for users who share a room with the
// caller: both are in its roster, or the caller may see the presence of a room that both are members of. Others are absent from the reply.
func (s *Session) status(id uint32, params []byte) {
	var p struct {
		Users []string `json:"users"`
	}
	if json.Unmarshal(params, &p) != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	if n := len(p.Users); n == 0 || n > maxStatusUsers {
		s.fail(id, ErrorOf(&chat.Rejection{Cause: chat.CauseInvalid, Detail: fmt.Sprintf("users: found %d, allowed: 1 to %d", n, maxStatusUsers)}))
		return
	}
	slices.Sort(p.Users)
	users := s.sharing(slices.Compact(p.Users))
	connected := make([]bool, len(users))
	s.Sessions.Connected(users, connected)
	b := []byte(`{"users":{`)
	for i, user := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(cfjson.AppendString(b, user), `:{"online":`...)
		b = strconv.AppendBool(b, connected[i])
		if seen := s.Sessions.LastSeen(user); !connected[i] && seen > 0 {
			b = strconv.AppendInt(append(b, `,"seen":`...), seen, 10)
		}
		b = append(b, '}')
	}
	b = append(b, "}}"...)
	s.chargeBulk(len(b))
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: b}})
}

// sharing returns those of users who share a room with the user of the session, and itself.
func (s *Session) sharing(users []string) []string {
	self := s.userID()
	shares := make([]bool, len(users))
	if self != "" {
		s.Sessions.ShareRoster(self, users, shares)
	}
	for _, sub := range s.Subs {
		in := s.roomRef(sub.Room.Name)
		if in.Options.Presence && s.Sessions.Authorize(s.actorIn(in), chat.ToSeePresence, in) {
			sub.Room.HasUsers(users, shares)
		}
	}
	i := -1
	return slices.DeleteFunc(users, func(user string) bool {
		i++
		return user == "" || user != self && !shares[i]
	})
}
