package session

import (
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/ws"
)

// What a session asks the application, and tells it. Its events, and who asks, are in hooks.go.

// about is the beginning of every request.
func (s *Session) about(event string) *webhook.Request {
	r := &webhook.Request{Event: event, Client: s.Client, Transport: "websocket", Protocol: "protobuf", Meta: s.meta}
	if s.Encoding.IsJSON() {
		r.Protocol = "json"
	}
	if s.Info != nil {
		r.User = s.Info.User
	}
	return r
}

// crowded says whether a command that the application has to be asked about would be refused now: it is refused before anything is
// spent on it.
func (s *Session) crowded(event string) bool {
	h := s.Hub.Hooks
	return h.wants(event) && h.workersOf(event).Full(s.Conn.AddressKey())
}

// ask asks the application, and then calls either allow with what it answers, or refuse with what the client is told. Neither
// is called where the connection is at its end by then, or by what the application says.
func (s *Session) ask(r *webhook.Request, allow func(*webhook.Answer), refuse func(*protocol.Error)) {
	h := s.Hub.Hooks
	s.Await(h.workersOf(r.Event), func() func() {
		answer, err := h.Client.Ask(h.Life, r)
		return func() {
			switch {
			case err != nil:
				h.complain(r.Event, err)
				refuse(errInternal)
			case answer.Disconnect != nil:
				s.dismiss(disconnect{fanout.ClosedByApplication, ws.CloseCode(answer.Disconnect.Code), answer.Disconnect.Reason})
			case answer.Error != nil:
				refuse(&protocol.Error{Code: answer.Error.Code, Message: answer.Error.Message, Temporary: answer.Error.Temporary})
			case !answer.ExpireAt.IsZero() && !time.Now().Before(answer.ExpireAt):
				refuse(errTokenExpired)
			default:
				allow(answer)
			}
		}
	}, func() { refuse(ErrTooManyRequests) })
}

// beginAsking is when the session's token is verified, or the application asked whether it may connect. Called on the poller.
func (s *Session) beginAsking() {
	if s.asking == nil {
		since := s.Hub.BeginAsking()
		s.asking = &since
	}
}

// endAsking is when it has answered, or the connection is closed. Called on the poller.
func (s *Session) endAsking() {
	if s.asking != nil {
		s.asking = nil
		s.Hub.EndAsking()
	}
}

// TellDisconnect tells the application of a connection that was somebody's and is no more.
func (s *Session) TellDisconnect() {
	h := s.Hub.Hooks
	if s.State != Connected || !h.wants(OnDisconnect) {
		return
	}
	r := s.about(OnDisconnect)
	r.Code, r.Reason = uint16(ws.CloseAbnormal), s.Conn.Reason().String()
	if f := s.Farewell.Load(); f != nil {
		r.Code = uint16(f.Code)
		if f.Text != "" {
			r.Reason = f.Text
		}
	}
	r.Seconds = (time.Duration(s.Hub.Clock.Tick()-s.Conn.Since) * fanout.TickLength).Seconds()
	h.Client.Tell(r)
}
