package session

import (
	"encoding/json"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/webhook"
)

// rpc calls what the server can do itself, by the method's name; the others are for the application.
func (s *Session) rpc(id uint32, req *protocol.RPCRequest) {
	switch req.Method {
	case "redact":
		s.redact(id, req.Data)
	default:
		s.askRPC(id, req)
	}
}

// redact is the rpc method by which a client takes back what it said itself.
func (s *Session) redact(id uint32, params []byte) {
	var r chat.Redaction
	if json.Unmarshal(params, &r) != nil || !chat.ValidRoomName(r.Channel) || r.Offset == 0 {
		s.fail(id, ErrBadRequest)
		return
	}
	at := s.viewOf(r.Channel)
	if e := s.Hub.Admit(s.in(at), at, 0); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	f, ok := s.pay(id, at) // others hear of it, as of a publication
	if !ok {
		return
	}
	in, e := s.Hub.Redact(r, s.Info)
	if in == nil {
		s.giveBack(f)
	} else {
		s.spokeIn(in)
	}
	if e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: []byte("{}")}})
}

// askRPC has the application do what the client asks for.
func (s *Session) askRPC(id uint32, req *protocol.RPCRequest) {
	if !s.Hub.Hooks.wants(OnRPC) {
		s.fail(id, ErrNotAvailable)
		return
	}
	if s.overdrawn() {
		s.refuse(id, ErrTooManyRequests)
		return
	}
	r := s.about(OnRPC)
	r.Method, r.Data = req.Method, req.Data
	s.ask(r, func(a *webhook.Answer) {
		s.draw(len(a.Data))
		if s.Encoding.IsJSON() {
			a.Data = AsJSON(a.Data)
		}
		s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: a.Data}})
	}, func(e *protocol.Error) { s.refuse(id, e) })
}

// send passes on what wants no reply: an rpc without a method. An error is counted, and that is all.
func (s *Session) send(req *protocol.SendRequest) {
	if !s.Hub.Hooks.wants(OnRPC) {
		s.dismiss(disconnectNotAvailable) // there is no reply to tell it by
		return
	}
	r := s.about(OnRPC)
	r.Data = req.Data
	s.ask(r, func(*webhook.Answer) {}, func(e *protocol.Error) {
		s.Hub.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
		s.refuse(0, e)
	})
}
