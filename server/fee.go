package server

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
func (s *session) pay(id uint32, in chat.View) (f fee, ok bool) {
	now, room := s.hub.Clock.Now(), in.Name
	rate := limiter.PerSecond(in.Options.Rate)
	if s.floods || !s.mayPublishIn(room, rate, now) {
		s.refuse(id, errTooManyRequests)
		return fee{}, false
	}
	if !s.hub.UserMayPublish(s.user, now) {
		s.giveBackIn(room, rate)
		s.refuse(id, errTooManyRequests)
		return fee{}, false
	}
	f = fee{room: room, rate: rate}
	if s.hub.Moderation.Slows(room) {
		if f.word, ok = s.hub.Moderation.MaySpeak(chat.SpeakerOf(s.conn, s.info.User), room); !ok {
			s.giveBack(f)
			s.fail(id, errTooManyRequests)
			return fee{}, false
		}
	}
	return f, true
}

// giveBack returns the fee of what was not said. Called on the poller.
func (s *session) giveBack(f fee) {
	s.giveBackIn(f.room, f.rate)
	s.hub.UserDidNotPublish(s.user)
	s.hub.Moderation.TakeBack(f.word)
}

// mayPublishIn holds the session to the rate of a room, whether it is in it or not. It remembers as many rooms as it may be in.
func (s *session) mayPublishIn(room string, r limiter.Rate, now time.Duration) bool {
	if r.Every == 0 {
		return true
	}
	m, known := s.meters[room]
	if !known && len(s.meters) >= s.hub.maxRooms {
		maps.DeleteFunc(s.meters, func(_ string, m limiter.Meter) bool { return time.Duration(m) <= now })
		if len(s.meters) >= s.hub.maxRooms {
			return false
		}
	}
	if !r.Allow(&m, now, 1) {
		return false
	}
	if s.meters == nil {
		s.meters = map[string]limiter.Meter{}
	}
	s.meters[room] = m
	return true
}

func (s *session) giveBackIn(room string, r limiter.Rate) {
	if m, known := s.meters[room]; known {
		r.GiveBack(&m)
		s.meters[room] = m
	}
}
