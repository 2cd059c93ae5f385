package session

import (
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// Deadlines: a client that sends no connect, and the expiry of tokens.

const staleTimeout = 10 * time.Second // to send connect

// later returns the tick after a duration.
func (s *Session) later(d time.Duration) wheel.Tick {
	return s.Sessions.Clock.Tick() + fanout.InTicks(d)
}

// schedule sets the deadline of the connection to its next expiry. Called on the poller.
func (s *Session) schedule() {
	next := s.expires
	for _, sub := range s.Subs {
		if sub.expires != 0 && (next == 0 || sub.expires < next) {
			next = sub.expires
		}
	}
	s.due.Deadline.Store(uint32(s.Sessions.tickOf(next.end())))
	s.Sessions.Heartbeat.File(s.Conn)
}

// expire ends the connection, or those of its subscriptions, that have expired. Called on the poller.
func (s *Session) expire() {
	if s.Conn.Closing() {
		return
	}
	if s.State != Connected {
		if s.Conn.Is(fanout.Paused) {
			// connect was received and waits for a worker.
			s.due.Deadline.Store(uint32(s.later(staleTimeout)))
			s.Sessions.Heartbeat.File(s.Conn)
			return
		}
		s.flushAndDisconnect(disconnectStale)
		return
	}
	now := s.Sessions.Clock.WallNow()
	if s.expires.over(now) {
		s.flushAndDisconnect(disconnectExpired)
		return
	}
	for i := len(s.Subs) - 1; i >= 0; i-- {
		if sub := s.Subs[i]; sub.expires.over(now) {
			s.endSubscription(sub, unsubscribedExpired)
		}
	}
	s.flush()
	s.schedule()
}
