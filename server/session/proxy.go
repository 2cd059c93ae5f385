package session

import (
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/ws"
)

// The proxy requests and event notifications of a session. hooks.go has the events and the workers.

// proxyRequest returns a request with the fields that all events have.
func (s *Session) proxyRequest(event string) *webhook.Request {
	r := &webhook.Request{Event: event, Client: s.ClientID(), Transport: s.Encoding.Transport(), Protocol: "protobuf", Meta: s.kept().meta, User: s.userID()}
	if s.Encoding.isJSON() {
		r.Protocol = "json"
	}
	return r
}

// proxyQueueFull reports whether a proxy request of an event would be rejected now. Check it first, so that a command that must fail costs
// nothing.
func (s *Session) proxyQueueFull(event string) bool {
	h := s.Sessions.Hooks
	return h.wants(event) && h.workersOf(event).full(s.Conn.AddressKey())
}

// proxy sends a proxy request on a worker. Then it calls, on the poller, allow with the reply or reject with the error for the client. It calls
// neither if the connection has ended, or if the reply is to disconnect. The next command of the client waits.
func (s *Session) proxy(r *webhook.Request, allow func(*webhook.Reply), reject func(*protocol.Error)) {
	h := s.Sessions.Hooks
	s.Await(h.workersOf(r.Event), func() func() {
		reply, err := h.Client.Proxy(h.Life, r)
		return func() {
			switch {
			case err != nil:
				h.logFailure(r.Event, err)
				reject(errInternal)
			case reply.Disconnect != nil:
				s.flushAndDisconnect(disconnect{fanout.ClosedByApplication, ws.CloseCode(reply.Disconnect.Code), reply.Disconnect.Reason})
			case reply.Error != nil:
				reject(&protocol.Error{Code: reply.Error.Code, Message: reply.Error.Message, Temporary: reply.Error.Temporary})
			case !reply.ExpireAt.IsZero() && !time.Now().Before(reply.ExpireAt):
				reject(errTokenExpired)
			default:
				allow(reply)
			}
		}
	}, func() { reject(ErrTooManyRequests) })
}

// beginAdmission notes that a worker verifies the token, or that a proxy request decides about connect. Commands of the application on the user
// are kept from then on. Called on the poller.
func (s *Session) beginAdmission() {
	if s.firstCommand() == nil {
		since := s.Sessions.BeginConnect()
		s.Waits().firstCommand = &since
	}
}

// endAdmission ends what beginAdmission began: the result is there, or the connection is closed. Called on the poller.
func (s *Session) endAdmission() {
	if s.firstCommand() != nil {
		s.wait.firstCommand = nil
		s.dropWait()
		s.Sessions.EndConnect()
	}
}

// NotifyDisconnect sends the event notification for a connection that was established and has ended. Called on the poller.
func (s *Session) NotifyDisconnect() {
	h := s.Sessions.Hooks
	if s.State != Connected || !h.wants(OnDisconnect) {
		return
	}
	r := s.proxyRequest(OnDisconnect)
	r.Code, r.Reason = uint16(ws.CloseAbnormal), s.Conn.Reason().String()
	if f := s.CloseFrame.Load(); f != nil {
		r.Code = uint16(f.Code)
		if f.Text != "" {
			r.Reason = f.Text
		}
	}
	r.Seconds = (time.Duration(s.Sessions.Clock.Tick()-s.Conn.Since) * fanout.TickLength).Seconds()
	h.Client.Notify(r)
}
