package server

import (
	"net/netip"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// What a session is to its connection: a handler.

func (s *session) onOpen() {
	if s.early {
		s.poller.post(s.begin)
	}
}

func (s *session) onMessage(_ ws.Opcode, b []byte, now time.Duration) { s.onFrame(b, now) }

func (s *session) onFlood(on bool) { s.floods = on }

// onDeadline ends what has expired. Where the wall clock moved while the ticks stood still, a client that has not said who it is keeps its
// time.
func (s *session) onDeadline(stepped bool) {
	if !stepped || s.state == connected {
		s.expire()
	}
}

func (s *session) onGap(a *audience) { s.lostPosition(a.name) }

func (s *session) onClose(code ws.CloseCode, text string) bool {
	return s.farewell.CompareAndSwap(nil, &farewell{code, text})
}

// onGone has the session taken apart by its poller, which owns it.
func (s *session) onGone() { s.poller.post(func() { s.hub.engine.leave(s.conn) }) }

func (s *session) onLeave() {
	s.end()
	s.hub.releaseAddress(s.source)
}

func (s *session) timers() *timers { return &s.due }

func (s *session) pingFrame() []byte { return sessionPings[s.encoding] }

func (s *session) closeFor(reason closeReason, text string) (ws.CloseCode, string) {
	switch reason {
	case closedShutdown:
		return disconnectShutdown.code, disconnectShutdown.text
	case closedPingTimeout:
		return disconnectNoPong.code, disconnectNoPong.text
	case closedRate:
		return disconnectTooMany.code, disconnectTooMany.text
	case closedByAdmin:
		return disconnectForced.code, disconnectForced.text
	}
	return ws.ClosePolicy, text
}

func (s *session) publishesTo() *audience {
	if s.talksIn == nil {
		return nil
	}
	return &s.talksIn.audience
}

func (s *session) onJoined(m *member) {
	s.joined = append(s.joined, m)
}

func (s *session) onLeft(m *member) {
	if i := slices.Index(s.joined, m); i >= 0 {
		s.joined = slices.Delete(s.joined, i, i+1)
	}
}

func (s *session) member(i int) *member {
	if i < len(s.joined) {
		return s.joined[i]
	}
	return nil
}

func (s *session) address() netip.Addr {
	if s.source != nil {
		return s.source.at
	}
	return netip.Addr{}
}

// sdkClient is the id in the SDK protocol of whom a connection is, and its user; both are empty for a plain client. Any goroutine may call
// it.
func sdkClient(c *conn) (client, user string) {
	s, ok := c.handler.(*session)
	if !ok {
		return "", ""
	}
	if info := s.identity.Load(); info != nil {
		user = info.User
	}
	return s.client, user
}
