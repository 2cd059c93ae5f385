package chat

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// Said is the idempotency cache: the positions of publications with an idempotency key, by room and key. A caller that holds the room's lock
// over Find and Add makes the two atomic.
type Said struct {
	mu     sync.Mutex // a leaf
	Places map[saidKey]Position
	Order  []saidAt // the oldest first
}

type saidKey struct{ room, key string }

type saidAt struct {
	saidKey
	at wheel.Tick
}

const (
	SaidFor = 5 * time.Minute
	maxSaid = 1 << 18 // keys; beyond it the oldest are evicted
	MaxKey  = 128     // bytes of a key
)

// Find returns the position of the publication with a key.
func (s *Said) Find(room, key string, now wheel.Tick) (Position, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	at, ok := s.Places[saidKey{room, key}]
	return at, ok
}

// Add stores the position of a publication with a key.
func (s *Said) Add(room, key string, place Position, now wheel.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Places == nil {
		s.Places = map[saidKey]Position{}
	}
	k := saidKey{room, key}
	s.Places[k] = place
	s.Order = append(s.Order, saidAt{k, now})
	s.forget(now)
}

// forget drops entries that have expired, and the oldest beyond the limit. s.mu is held.
func (s *Said) forget(now wheel.Tick) {
	for len(s.Order) > 0 && (len(s.Order) > maxSaid || s.Order[0].at+fanout.InTicks(SaidFor) < now) {
		delete(s.Places, s.Order[0].saidKey)
		s.Order = s.Order[1:]
	}
}
