package session

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// How a session waits for work off the loop: its client is not read from, and what it sent behind the command is kept.

const (
	heldSession = 512      // bytes that a waiting session takes beyond its commands, about
	maxHeld     = 64 << 20 // bytes of commands that wait, of all connections together
)

// Await does work off the loop and then finishes on the poller with what it returned, or refuses there where there is too
// much to do. Until then the client's next command waits. finish and refuse may await again.
func (s *Session) Await(by *workers, work func() (finish func()), refuse func()) {
	if !s.Pause() {
		refuse()
		return
	}
	accepted := by.Do(s.Conn.AddressKey(), func() {
		var finish func()
		s.Hub.Loop.Contain(s.Conn, func() { finish = work() })
		s.Poller.Post(func() { s.Resume(finish) })
	}, func() {
		s.Poller.Post(func() { s.Resume(refuse) })
	})
	if !accepted {
		s.unpause()
		refuse()
	}
}

// Pause stops reading from the client, until resume. It is false, and the session does not wait, where the commands of others that
// wait leave no memory for its own.
func (s *Session) Pause() bool {
	s.flush()
	n := s.underWay + heldSession
	if !s.Hub.HeldCommands.Reserve(n) {
		return false
	}
	s.held = n
	s.WaitsFrom = s.Hub.Clock.Tick()
	s.Conn.Hold(true)
	return true
}

func (s *Session) unpause() {
	s.Conn.Hold(false)
	s.Hub.HeldCommands.Release(s.held)
	s.held = 0
}

// OnUnread keeps what the client sent behind the frame whose commands wait. b is on loan for the call.
func (s *Session) OnUnread(b []byte) {
	if !s.Hub.HeldCommands.Reserve(len(b)) {
		s.Disconnect(disconnectTooMany)
		return
	}
	s.heldUnread += len(b)
	s.unread = append(s.unread, b...)
}

func (s *Session) takeUnread() []byte {
	unread := s.unread
	s.unread = nil
	s.Hub.HeldCommands.Release(s.heldUnread)
	s.heldUnread = 0
	return unread
}

// Resume finishes what the session waited for. Called on the poller.
func (s *Session) Resume(finish func()) {
	s.Hub.Loop.Contain(s.Conn, func() {
		s.forgiveWait()
		s.unpause()
		if s.Conn.Closing() {
			s.Unfinished = nil
			s.takeUnread()
			s.Hub.Loop.Read(s.Conn) // it may have ended meanwhile, unread
			return
		}
		strikes := s.strikes
		finish()
		if s.strikes == strikes && !s.Conn.Is(fanout.Held) {
			s.strikes = 0
		}
		s.goOn()
	})
}

// forgiveWait gives the client that was not read from so much longer to answer a ping.
func (s *Session) forgiveWait() {
	if pinged := s.Conn.Pinged.Load(); pinged != 0 {
		waited := s.Hub.Clock.Tick() - max(s.WaitsFrom, wheel.Tick(pinged))
		s.Conn.Pinged.CompareAndSwap(pinged, pinged+uint32(waited))
	}
}

// goOn deals with what came while the session waited, and reads on, unless it waits again. Called on the poller.
func (s *Session) goOn() {
	now := s.Hub.Clock.Now()
	if !s.Conn.Is(fanout.Held) {
		commands := s.Unfinished
		s.Unfinished = nil
		s.Hub.onCommands(s, commands, now)
	}
	if !s.Conn.Is(fanout.Held) {
		s.Conn.Take(s.takeUnread(), now)
	}
	if !s.Conn.Is(fanout.Held) {
		s.Hub.Loop.Read(s.Conn)
	}
}
