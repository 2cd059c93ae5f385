package session

import (
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
)

// Acts of users on rooms and on other users by rpc: how they end, and their lines in the audit log.

// act returns the entry of the audit log for an act of the user.
func (s *Session) act(action audit.Action, room, user string) audit.Entry {
	return audit.Entry{
		Action: action, Actor: audit.Actor{Type: audit.ByUser, Name: s.userID(), Address: s.Conn.Address()}, Room: room, User: user,
	}
}

// record records an act. Any goroutine may call it.
func (s *Session) record(act audit.Entry, e *chat.Rejection) {
	if e != nil {
		act.Error = ErrorOf(e).Message
	}
	s.Sessions.audit.Record(act)
}

// moderationTimeout is the time for an act of a moderator.
const moderationTimeout = 5 * time.Second

// committed returns the Done of a change by an rpc, which records the act and replies. Any goroutine may call it.
func (s *Session) committed(id uint32, act audit.Entry) chat.Done {
	return func(_ chat.StreamPosition, e *chat.Rejection) {
		s.record(act, e)
		s.replyLater(rpcReply(id, emptyRPC), e)
	}
}

// acted records an act, and returns a function that replies to it on the poller.
func (s *Session) acted(id uint32, act audit.Entry, e *chat.Rejection) func() {
	s.record(act, e)
	return func() {
		if e != nil {
			s.fail(id, ErrorOf(e))
			return
		}
		s.Reply(rpcReply(id, emptyRPC))
	}
}

var emptyRPC = []byte("{}")

// rpcReply returns the reply to an rpc with data.
func rpcReply(id uint32, data []byte) *protocol.Reply {
	return &protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: data}}
}
