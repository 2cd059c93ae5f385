package server

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// said remembers, for a while, where publications with a key of idempotency were said. To find a key and to add it are one step only
// for who holds the lock of the room.
type said struct {
	mu     sync.Mutex // a leaf
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	at, ok := s.places[saidKey{room, key}]
	return at, ok
}

func (s *said) add(room, key string, place position, now wheel.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.places == nil {
		s.places = map[saidKey]position{}
	}
	k := saidKey{room, key}
	s.places[k] = place
	s.order = append(s.order, saidAt{k, now})
	s.forget(now)
}

// forget forgets what is too old, or too much. s.mu is held.
func (s *said) forget(now wheel.Tick) {
	for len(s.order) > 0 && (len(s.order) > maxSaid || s.order[0].at+fanout.InTicks(saidFor) < now) {
		delete(s.places, s.order[0].saidKey)
		s.order = s.order[1:]
	}
}
