package session

import (
	"maps"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
)

// A publication, and whatever else others hear, takes a fee from the limits of its publisher: the rate of the room, that of the
// user, and slow mode. What is then refused, by a limit behind or by the application, costs none of them. The limits of commands
// (of a connection, of an address) are not among them: a command was asked for, whatever the answer is.

// fee is what was taken. The zero value is nothing.
type fee struct {
	room string
	rate limiter.Rate // of the room
	word chat.SpokenWord
}

// pay takes the fee for a publication in a room. If it is too early for that, the command is answered and ok is false. Called on
// the poller.
func (s *Session) pay(id uint32, in chat.View) (f fee, ok bool) {
	now, room := s.Hub.Clock.Now(), in.Name
	rate := limiter.PerSecond(in.Options.Rate)
	if s.floods || !s.mayPublishIn(room, rate, now) {
		s.refuse(id, ErrTooManyRequests)
		return fee{}, false
	}
	if !s.Hub.UserMayPublish(s.User, now) {
		s.giveBackIn(room, rate)
		s.refuse(id, ErrTooManyRequests)
		return fee{}, false
	}
	f = fee{room: room, rate: rate}
	if s.Hub.Moderation.Slows(room) {
		if f.word, ok = s.Hub.Moderation.MaySpeak(chat.SpeakerOf(s.Conn, s.Info.User), room); !ok {
			s.giveBack(f)
			s.fail(id, ErrTooManyRequests)
			return fee{}, false
		}
	}
	return f, true
}

// giveBack returns the fee of what was not said. Called on the poller.
func (s *Session) giveBack(f fee) {
	s.giveBackIn(f.room, f.rate)
	s.Hub.UserDidNotPublish(s.User)
	s.Hub.Moderation.TakeBack(f.word)
}

// mayPublishIn holds the session to the rate of a room, whether it is in it or not. It remembers as many rooms as it may be in.
func (s *Session) mayPublishIn(room string, r limiter.Rate, now time.Duration) bool {
	if r.Every == 0 {
		return true
	}
	m, known := s.Meters[room]
	if !known && len(s.Meters) >= s.Hub.maxRooms {
		maps.DeleteFunc(s.Meters, func(_ string, m limiter.Meter) bool { return time.Duration(m) <= now })
		if len(s.Meters) >= s.Hub.maxRooms {
			return false
		}
	}
	if !r.Allow(&m, now, 1) {
		return false
	}
	if s.Meters == nil {
		s.Meters = map[string]limiter.Meter{}
	}
	s.Meters[room] = m
	return true
}

func (s *Session) giveBackIn(room string, r limiter.Rate) {
	if m, known := s.Meters[room]; known {
		r.GiveBack(&m)
		s.Meters[room] = m
	}
}
