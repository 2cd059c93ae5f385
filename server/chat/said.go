package chat

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// Said remembers, for a while, where publications with a key of idempotency were said. To find a key and to add it are one step only
// for who holds the lock of the room.
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
	maxSaid = 1 << 18 // keys; of more the oldest are forgotten early
	MaxKey  = 128     // bytes of a key
)

// Find is where a publication with that key was said.
func (s *Said) Find(room, key string, now wheel.Tick) (Position, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	at, ok := s.Places[saidKey{room, key}]
	return at, ok
}

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

// forget forgets what is too old, or too much. s.mu is held.
func (s *Said) forget(now wheel.Tick) {
	for len(s.Order) > 0 && (len(s.Order) > maxSaid || s.Order[0].at+fanout.InTicks(SaidFor) < now) {
		delete(s.Places, s.Order[0].saidKey)
		s.Order = s.Order[1:]
	}
}
