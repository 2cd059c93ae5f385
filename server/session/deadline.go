package session

import (
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// What ends by itself: a session whose client does not say who it is, and what a token has given for a time.

const staleTimeout = 10 * time.Second // for connect to arrive

// later is now and so much, in ticks.
func (s *Session) later(d time.Duration) wheel.Tick { return s.Hub.Clock.Tick() + fanout.InTicks(d) }

// schedule files the connection anew for the nearest thing of it that expires.
func (s *Session) schedule() {
	next := s.expires
	for _, sub := range s.Subs {
		if sub.expires != 0 && (next == 0 || sub.expires < next) {
			next = sub.expires
		}
	}
	s.due.Deadline.Store(uint32(s.Hub.TickOf(next.End())))
	s.Hub.Heartbeat.File(s.Conn)
}

// expire ends what has expired. Called on the poller.
func (s *Session) expire() {
	if s.Conn.Closing() {
		return
	}
	if s.State != Connected {
		if s.Conn.Is(fanout.Held) {
			// It said who it is, and that is looked into.
			s.due.Deadline.Store(uint32(s.later(staleTimeout)))
			s.Hub.Heartbeat.File(s.Conn)
			return
		}
		s.dismiss(disconnectStale)
		return
	}
	now := s.Hub.Clock.WallNow()
	if s.expires.Over(now) {
		s.dismiss(disconnectExpired)
		return
	}
	for i := len(s.Subs) - 1; i >= 0; i-- {
		if sub := s.Subs[i]; sub.expires.Over(now) {
			s.endSubscription(sub, endedExpired)
		}
	}
	s.flush()
	s.schedule()
}
