package server

import (
	"net/netip"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// What a session is to its connection: a handler.

func (s *session) OnOpen() {
	if s.early {
		s.poller.Post(s.begin)
	}
}

func (s *session) OnMessage(_ ws.Opcode, b []byte, now time.Duration) { s.onFrame(b, now) }

func (s *session) OnFlood(on bool) { s.floods = on }

// OnDeadline ends what has expired. Where the wall clock moved while the ticks stood still, a client that has not said who it is keeps its
// time.
func (s *session) OnDeadline(stepped bool) {
	if !stepped || s.state == connected {
		s.expire()
	}
}

func (s *session) OnGap(a *fanout.Audience) { s.lostPosition(a.Name) }

func (s *session) OnClose(code ws.CloseCode, text string) bool {
	return s.farewell.CompareAndSwap(nil, &farewell{code, text})
}

// OnGone has the session taken apart by its poller, which owns it.
func (s *session) OnGone() { s.poller.Post(func() { s.hub.Engine.Leave(s.conn) }) }

func (s *session) OnLeave() {
	s.end()
	s.hub.ReleaseAddress(s.source)
}

func (s *session) Timers() *fanout.Timers { return &s.due }

func (s *session) PingFrame() []byte { return sessionPings[s.encoding] }

func (s *session) CloseFor(reason fanout.Reason, text string) (ws.CloseCode, string) {
	switch reason {
	case fanout.ClosedShutdown:
		return disconnectShutdown.code, disconnectShutdown.text
	case fanout.ClosedPingTimeout:
		return disconnectNoPong.code, disconnectNoPong.text
	case fanout.ClosedRate:
		return disconnectTooMany.code, disconnectTooMany.text
	case fanout.ClosedByAdmin:
		return disconnectForced.code, disconnectForced.text
	}
	return ws.ClosePolicy, text
}

func (s *session) PublishesTo() *fanout.Audience {
	if s.talksIn == nil {
		return nil
	}
	return &s.talksIn.Audience
}

func (s *session) OnJoined(m *fanout.Member) {
	s.joined = append(s.joined, m)
}

func (s *session) OnLeft(m *fanout.Member) {
	if i := slices.Index(s.joined, m); i >= 0 {
		s.joined = slices.Delete(s.joined, i, i+1)
	}
}

func (s *session) Member(i int) *fanout.Member {
	if i < len(s.joined) {
		return s.joined[i]
	}
	return nil
}

func (s *session) Address() netip.Addr {
	if s.source != nil {
		return s.source.At
	}
	return netip.Addr{}
}

// sdkClient is the id in the SDK protocol of whom a connection is, and its user; both are empty for a plain client. Any goroutine may call
// it.
func sdkClient(c *fanout.Conn) (client, user string) {
	s, ok := c.Handler.(*session)
	if !ok {
		return "", ""
	}
	if info := s.identity.Load(); info != nil {
		user = info.User
	}
	return s.client, user
}
