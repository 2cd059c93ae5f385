package session

import (
	"maps"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
)

// Limits of a publisher: the rate of the room, the rate of the user, and slow mode. A publication or a redaction is charged to all of them. If a
// later limit or the application rejects it, the charge is refunded. The rates of commands are not refunded: those of a connection and of an
// address.

// charge is what a publication was charged. The zero value is no charge.
type charge struct {
	room string
	rate limiter.Rate // of the room
	slow *chat.SlowModeCount
}

// charge charges a publication in a room. If a limit is exceeded, it replies to the command with an error, and ok is false. Called on the
// poller.
func (s *Session) charge(id uint32, in chat.RoomRef) (charged charge, ok bool) {
	now, room := s.Sessions.Clock.Now(), in.Name
	rate := limiter.PerSecond(in.Options.Rate)
	if s.overByteRate || !s.allowInRoom(room, rate, now) {
		s.reject(id, ErrTooManyRequests)
		return charge{}, false
	}
	if !s.Sessions.AllowPublish(s.User, now) {
		s.refundInRoom(room, rate)
		s.reject(id, ErrTooManyRequests)
		return charge{}, false
	}
	charged = charge{room: room, rate: rate}
	if s.Sessions.Moderation.InSlowMode(room) {
		if charged.slow, ok = s.Sessions.Moderation.AllowInSlowMode(chat.PublisherOf(s.Conn, s.userID()), room); !ok {
			s.refund(charged)
			s.fail(id, ErrTooManyRequests)
			return charge{}, false
		}
	}
	return charged, true
}

// refund returns the charge of a publication that was rejected. Called on the poller.
func (s *Session) refund(charged charge) {
	s.refundInRoom(charged.room, charged.rate)
	s.Sessions.UndoPublish(s.User)
	s.Sessions.Moderation.UndoSlowMode(charged.slow)
}

// allowInRoom checks and counts the rate of a room, for members and others. It keeps limiters of max-rooms rooms, at most.
func (s *Session) allowInRoom(room string, r limiter.Rate, now time.Duration) bool {
	if r.Every == 0 {
		return true
	}
	use := s.Usage()
	m, known := use.Meters[room]
	if !known && len(use.Meters) >= s.Sessions.roomLimit() {
		maps.DeleteFunc(use.Meters, func(_ string, m limiter.Meter) bool { return time.Duration(m) <= now })
		if len(use.Meters) >= s.Sessions.roomLimit() {
			return false
		}
	}
	if !r.Allow(&m, now, 1) {
		return false
	}
	if use.Meters == nil {
		use.Meters = map[string]limiter.Meter{}
	}
	use.Meters[room] = m
	return true
}

func (s *Session) refundInRoom(room string, r limiter.Rate) {
	if s.usage == nil {
		return
	}
	if m, known := s.usage.Meters[room]; known {
		r.Undo(&m)
		s.usage.Meters[room] = m
	}
}

// Usage returns the usage of the session, which exists from the first call on. Called on the poller.
func (s *Session) Usage() *Usage {
	if s.usage == nil {
		s.usage = &Usage{}
	}
	return s.usage
}
