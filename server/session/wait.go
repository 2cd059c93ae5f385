package session

import (
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// How a session waits for a worker: its client is not read from, and the bytes after the command are kept.

// Waits returns the state of the session that waits, or is about to wait.
func (s *Session) Waits() *Wait {
	if s.wait == nil {
		s.wait = &Wait{}
	}
	return s.wait
}

// firstCommand returns that of the state; nil if no admission is in progress.
func (s *Session) firstCommand() *uint64 {
	if s.wait == nil {
		return nil
	}
	return s.wait.firstCommand
}

// pausedSessionOverhead is the number of bytes of a waiting session beside its commands, about.
const pausedSessionOverhead = 512

// Await runs work on a worker, then calls the function that it returned on the poller. If the queue is full or the wait too long, it calls reject
// there instead. Meanwhile the next command of the client waits. Both callbacks may call Await. Called on the poller.
func (s *Session) Await(by *workers, work func() (finish func()), reject func()) {
	if !s.Pause() {
		reject()
		return
	}
	accepted := by.Do(s.Conn.AddressKey(), func() {
		var finish func()
		s.Sessions.Loop.Contain(s.Conn, func() { finish = work() })
		s.Conn.Poller().Post(func() { s.Resume(finish) })
	}, func() {
		s.Conn.Poller().Post(func() { s.Resume(reject) })
	})
	if !accepted {
		s.unpause()
		reject()
	}
}

// Pause stops the reading from the client until Resume. It returns false, without a pause, if the budget for commands that wait is used up.
// Called on the poller.
func (s *Session) Pause() bool {
	s.flush()
	n := int(s.frameLeft) + pausedSessionOverhead
	if !s.Sessions.PausedBudget.Reserve(n) {
		return false
	}
	w := s.Waits()
	w.reservedCommands, w.Since = n, s.Sessions.Clock.Tick()
	s.Conn.SetPaused(true)
	return true
}

func (s *Session) unpause() {
	s.Conn.SetPaused(false)
	s.Sessions.PausedBudget.Release(s.wait.reservedCommands)
	s.wait.reservedCommands = 0
	s.dropWait()
}

// dropWait frees the state if nothing waits.
func (s *Session) dropWait() {
	if w := s.wait; w != nil && len(w.FrameRest)+len(w.unread) == 0 && w.firstCommand == nil && !s.Conn.Is(fanout.Paused) {
		s.wait = nil
	}
}

// OnUnread keeps the bytes that arrived after the frame whose commands wait. It copies b. If the budget of all sessions for waiting bytes is used
// up, it disconnects the client with code 3013 (too many requests): bytes that were read cannot be returned to the socket.
func (s *Session) OnUnread(b []byte) {
	if !s.Sessions.PausedBudget.Reserve(len(b)) {
		s.Disconnect(disconnectTooMany)
		return
	}
	w := s.Waits()
	w.reservedUnread += len(b)
	w.unread = append(w.unread, b...)
}

func (s *Session) takeUnread() []byte {
	w := s.wait
	if w == nil {
		return nil
	}
	unread := w.unread
	w.unread = nil
	s.Sessions.PausedBudget.Release(w.reservedUnread)
	w.reservedUnread = 0
	s.dropWait()
	return unread
}

// takeFrameRest returns the rest of the frame after the command that waited.
func (s *Session) takeFrameRest() []byte {
	if s.wait == nil {
		return nil
	}
	rest := s.wait.FrameRest
	s.wait.FrameRest = nil
	return rest
}

// Resume ends a pause: it calls finish, then handles the commands that waited. Called on the poller.
func (s *Session) Resume(finish func()) {
	s.Sessions.Loop.Contain(s.Conn, func() {
		s.excludeWait()
		s.unpause()
		if s.Conn.Closing() {
			s.takeFrameRest()
			s.takeUnread()
			s.Sessions.Loop.Read(s.Conn) // to notice the end of the connection
			return
		}
		s.countRejections(finish)
		s.continueReading()
	})
}

// excludeWait extends the deadline of a pong by the duration of the pause.
func (s *Session) excludeWait() {
	if pinged := s.Conn.Pinged.Load(); pinged != 0 {
		waited := s.Sessions.Clock.Tick() - max(s.wait.Since, wheel.Tick(pinged))
		s.Conn.Pinged.CompareAndSwap(pinged, pinged+uint32(waited))
	}
}

// commandHandler handles the rest of a frame, after a command that waited: the Session, by a method of a file above this one.
type commandHandler interface {
	onCommands(frame []byte, now time.Duration)
}

// continueReading handles the commands and bytes that waited, and reads again, unless the session waits again. Called on the poller.
func (s *Session) continueReading() {
	now := s.Sessions.Clock.Now()
	if !s.Conn.Is(fanout.Paused) {
		s.Conn.Handler.(commandHandler).onCommands(s.takeFrameRest(), now)
	}
	if !s.Conn.Is(fanout.Paused) {
		s.Conn.Take(s.takeUnread(), now)
	}
	if !s.Conn.Is(fanout.Paused) {
		s.Sessions.Loop.Read(s.Conn)
	}
}
