package session

import (
	"net/netip"
	"slices"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// A Session is the fanout.Handler of its connection: fanout documents when it calls the methods.

// OnOpen handles the bytes that arrived before the 101 response, if any.
func (s *Session) OnOpen() {
	if s.early {
		s.Conn.Poller().Post(s.begin)
	}
}

// OnFlood notes whether the client is over its rate of bytes.
func (s *Session) OnFlood(on bool) { s.overByteRate = on }

// OnDeadline ends an expired connection or subscription. If the process was suspended (stepped), a client that has not connected yet keeps its
// time.
func (s *Session) OnDeadline(stepped bool) {
	if !stepped || s.State == Connected {
		s.expire()
	}
}

// OnGap ends a positioned subscription that missed a publication.
func (s *Session) OnGap(a *fanout.Audience) { s.lostPosition(a.Name) }

// OnClosing notes the close frame of the side that closes first, and reports whether it is the first.
func (s *Session) OnClosing(code ws.CloseCode, text string) bool {
	return s.CloseFrame.CompareAndSwap(nil, &CloseFrame{code, text})
}

// OnClosed posts the end of the session to its poller, which owns it.
func (s *Session) OnClosed() { s.Conn.Poller().Post(func() { s.Sessions.Engine.Leave(s.Conn) }) }

// OnLeave ends the session and releases its address.
func (s *Session) OnLeave() {
	s.endStream()
	s.End()
	s.Sessions.ReleaseAddress(s.source)
}

// Timers returns the deadlines of the session.
func (s *Session) Timers() *fanout.Timers { return &s.due }

// PingFrame returns the ping of the protocol.
func (s *Session) PingFrame() []byte {
	if s.Encoding.IsStream() {
		return streamPings[s.Encoding]
	}
	return SessionPings[s.Encoding]
}

// LastFrame returns the close frame, or the end of an HTTP stream.
func (s *Session) LastFrame(code ws.CloseCode, text string) []byte {
	if s.Encoding.IsStream() {
		return streamClose(s.Encoding, code, text)
	}
	return fanout.CloseFrame(code, text)
}

// CloseFor returns the code and the reason of the close frame for a reason.
func (s *Session) CloseFor(reason fanout.Reason, text string) (ws.CloseCode, string) {
	switch reason {
	case fanout.ClosedShutdown:
		return disconnectShutdown.code, disconnectShutdown.text
	case fanout.ClosedPingTimeout:
		return disconnectNoPong.code, disconnectNoPong.text
	case fanout.ClosedRate:
		return disconnectTooMany.code, disconnectTooMany.text
	case fanout.ClosedByAdmin:
		return DisconnectForced.code, DisconnectForced.text
	}
	return ws.ClosePolicy, text
}

// PublishesTo returns the audience whose backlog can stop the reading from the client: that of the last room with a publication, a redaction, a
// join or a leave of it. nil for none.
func (s *Session) PublishesTo() *fanout.Audience {
	if s.publishRoom == nil {
		return nil
	}
	return &s.publishRoom.Audience
}

// OnJoined adds a membership, which the shard owns.
func (s *Session) OnJoined(m *fanout.Member) {
	s.joined = append(s.joined, m)
}

// OnLeft removes a membership.
func (s *Session) OnLeft(m *fanout.Member) {
	if i := slices.Index(s.joined, m); i >= 0 {
		s.joined = slices.Delete(s.joined, i, i+1)
	}
}

// Member returns the membership number i; nil after the last one.
func (s *Session) Member(i int) *fanout.Member {
	if i < len(s.joined) {
		return s.joined[i]
	}
	return nil
}

// Address returns the address of the client that counts for limits; the zero Addr for none.
func (s *Session) Address() netip.Addr {
	if s.source != nil {
		return s.source.Key
	}
	return netip.Addr{}
}

// begin handles the bytes that the client sent before its 101 response. Called on the poller.
func (s *Session) begin() {
	early := s.wait.unread
	s.wait = nil
	s.Conn.SetPaused(false)
	if !s.Conn.Closing() {
		s.Conn.OnData(early, s.Sessions.Clock.Now())
	}
	s.continueReading()
}

// end leaves all rooms, notifies the application and removes the user. Called on the poller, once, when the socket is closed.
func (s *Session) End() {
	s.endAdmission()
	s.leaveAll()
	s.NotifyDisconnect()
	if s.State == Connected && s.Sessions.Watchers.On() {
		s.Sessions.Watchers.Note(chat.ClientDisconnected, s.Conn, "", s.Info())
	}
	if s.User != nil {
		s.Sessions.RemoveUser(s.User, s)
		s.Sessions.NoteSeen(s.userID())
		s.User = nil
	}
}
