package server

import (
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// said remembers, for a while, where publications with a key of idempotency were said. Guarded by hub.mu.
type said struct {
	places map[saidKey]position
	order  []saidAt // the oldest first
}

type saidKey struct{ room, key string }

type saidAt struct {
	saidKey
	at wheel.Tick
}

const (
	saidFor = 5 * time.Minute
	maxSaid = 1 << 18 // keys; of more the oldest are forgotten early
	maxKey  = 128     // bytes of a key
)

// find is where a publication with that key was said.
func (s *said) find(room, key string, now wheel.Tick) (position, bool) {
	s.forget(now)
	at, ok := s.places[saidKey{room, key}]
	return at, ok
}

func (s *said) add(room, key string, place position, now wheel.Tick) {
	if s.places == nil {
		s.places = map[saidKey]position{}
	}
	k := saidKey{room, key}
	s.places[k] = place
	s.order = append(s.order, saidAt{k, now})
	s.forget(now)
}

func (s *said) forget(now wheel.Tick) {
	for len(s.order) > 0 && (len(s.order) > maxSaid || s.order[0].at+inTicks(saidFor) < now) {
		delete(s.places, s.order[0].saidKey)
		s.order = s.order[1:]
	}
}
