package session

import (
	"encoding/json"
	"log/slog"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/webhook"
)

// rpcMethod handles an rpc of a session. Called on the poller.
type rpcMethod func(s *Session, id uint32, params []byte)

// rosterMethods are the methods of throng that exist while the options of a room use rosters. Otherwise the application gets these calls.
var rosterMethods = map[string]rpcMethod{
	"rooms": (*Session).rooms, "members": (*Session).members,
	"join": (*Session).joinRoster, "leave": (*Session).leaveRoster, "invite": (*Session).invite,
	"room_create": (*Session).createRoom, "room_update": (*Session).updateRoom, "role": (*Session).setRole, "remove_member": (*Session).removeMember,
	"kick": (*Session).kick, "ban": (*Session).ban, "unban": (*Session).unban, "silence": (*Session).silence, "unsilence": (*Session).unsilence,
	"slow": (*Session).slow, "status": (*Session).status,
}

// chatMethods are the methods of throng that exist while there are chat rooms. Otherwise the application gets these calls.
var chatMethods = map[string]rpcMethod{
	"timeline": (*Session).timeline, "reactors": (*Session).reactors, "search": (*Session).search, "read": (*Session).read, "unread": (*Session).unread,
	"receipts": (*Session).receipts,
}

// ownMethod returns the method of throng with a name; nil if the application gets the call.
func (s *Session) ownMethod(name string) rpcMethod {
	if name == "redact" {
		return (*Session).redact
	}
	if do := chatMethods[name]; do != nil && s.Sessions.Settings().HasChats {
		return do
	}
	if do := rosterMethods[name]; do != nil && s.Sessions.Settings().UsesRosters {
		return do
	}
	if do := notifyMethods[name]; do != nil && s.Sessions.Notices.on() {
		return do
	}
	return nil
}

// rpc handles the command rpc: the methods of throng itself; all others by a proxy request.
func (s *Session) rpc(id uint32, req *protocol.RPCRequest) {
	if do := s.ownMethod(req.Method); do != nil {
		do(s, id, req.Data)
		return
	}
	s.proxyRPC(id, req)
}

// redact is the rpc method that removes a publication of the client itself, or, by a moderator of the room, of any client.
func (s *Session) redact(id uint32, params []byte) {
	var r chat.Redaction
	if json.Unmarshal(params, &r) != nil || !chat.ValidRoomName(r.Channel) || r.Offset == 0 {
		s.fail(id, ErrBadRequest)
		return
	}
	at := s.roomRef(r.Channel)
	if e := s.Sessions.Admit(s.actorIn(at), at, 0); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	author := s.Info()
	if s.moderates(r.Channel) {
		author = nil
	}
	charged, ok := s.charge(id, at) // it sends a notice to the room, like a publication
	if !ok {
		return
	}
	if at.Options.Durable {
		s.proposeRedaction(id, r, author, charged)
		return
	}
	in, e := s.Sessions.Redact(r, author)
	s.recordRedaction(r, author, e)
	if in == nil {
		s.refund(charged)
	} else {
		s.watchBacklog(in)
	}
	if e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: []byte("{}")}})
}

// recordRedaction records the redaction of a moderator.
func (s *Session) recordRedaction(r chat.Redaction, author *chat.ClientInfo, e *chat.Rejection) {
	if author != nil {
		return
	}
	act := s.act("redact", r.Channel, "")
	act.Details = []slog.Attr{slog.Uint64("offset", r.Offset)}
	s.record(act, e)
}

// proposeRedaction redacts in a durable room. The reply is sent when the redaction is on disk.
func (s *Session) proposeRedaction(id uint32, r chat.Redaction, author *chat.ClientInfo, charged charge) {
	s.watchBacklog(s.Sessions.ProposeRedaction(r, author, charged.slow, func(at chat.StreamPosition, e *chat.Rejection) {
		s.recordRedaction(r, author, e)
		if at.Offset == 0 {
			s.Conn.Poller().Post(func() { s.refund(charged) })
		}
		s.replyLater(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: []byte("{}")}}, e)
	}))
}

// proxyRPC sends the call to the application.
func (s *Session) proxyRPC(id uint32, req *protocol.RPCRequest) {
	if !s.Sessions.Hooks.wants(OnRPC) {
		s.fail(id, errNoMethod)
		return
	}
	if s.overBulkRate() {
		s.reject(id, ErrTooManyRequests)
		return
	}
	r := s.proxyRequest(OnRPC)
	r.Method, r.Data = req.Method, req.Data
	s.proxy(r, func(a *webhook.Reply) {
		s.chargeBulk(len(a.Data))
		if s.Encoding.isJSON() {
			a.Data = AsJSON(a.Data)
		}
		s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: a.Data}})
	}, func(e *protocol.Error) { s.reject(id, e) })
}

// send handles the command send: an rpc without a method and without a reply. Errors are only counted.
func (s *Session) send(req *protocol.SendRequest) {
	if !s.Sessions.Hooks.wants(OnRPC) {
		s.flushAndDisconnect(disconnectNotAvailable) // send has no reply for an error
		return
	}
	r := s.proxyRequest(OnRPC)
	r.Data = req.Data
	s.proxy(r, func(*webhook.Reply) {}, func(e *protocol.Error) {
		s.Sessions.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
		s.reject(0, e)
	})
}
