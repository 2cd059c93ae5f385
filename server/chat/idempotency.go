package chat

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// IdempotencyCache is the idempotency cache: the positions of publications with an idempotency key, by room and key. A caller that holds the room's lock
// over Find and Add makes the two atomic.
type IdempotencyCache struct {
	mu        sync.Mutex // a leaf
	Positions map[idempotencyKey]StreamPosition
	Order     []idempotencyEntry // the oldest first
}

type idempotencyKey struct{ room, key string }

type idempotencyEntry struct {
	idempotencyKey
	at wheel.Tick
}

const (
	IdempotencyTTL     = 5 * time.Minute
	maxIdempotencyKeys = 1 << 18 // keys; beyond it the oldest are evicted
	MaxIdempotencyKey  = 128     // bytes of a key
)

// Find returns the position of the publication with a key.
func (s *IdempotencyCache) Find(room, key string, now wheel.Tick) (StreamPosition, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evict(now)
	at, ok := s.Positions[idempotencyKey{room, key}]
	return at, ok
}

// Add stores the position of a publication with a key.
func (s *IdempotencyCache) Add(room, key string, at StreamPosition, now wheel.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Positions == nil {
		s.Positions = map[idempotencyKey]StreamPosition{}
	}
	k := idempotencyKey{room, key}
	s.Positions[k] = at
	s.Order = append(s.Order, idempotencyEntry{k, now})
	s.evict(now)
}

// evict drops entries that have expired, and the oldest beyond the limit. s.mu is held.
func (s *IdempotencyCache) evict(now wheel.Tick) {
	for len(s.Order) > 0 && (len(s.Order) > maxIdempotencyKeys || s.Order[0].at+fanout.InTicks(IdempotencyTTL) < now) {
		delete(s.Positions, s.Order[0].idempotencyKey)
		s.Order = s.Order[1:]
	}
}
