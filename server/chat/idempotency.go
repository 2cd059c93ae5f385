package chat

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// idempotencyCache is the idempotency cache: the positions of publications with an idempotency key, by room and key. A caller that holds the room's lock
// over Find and Add makes the two atomic.
type idempotencyCache struct {
	mu        sync.Mutex // a leaf
	positions map[idempotencyKey]StreamPosition
	order     []idempotencyEntry // the oldest first
}

type idempotencyKey struct{ room, key string }

type idempotencyEntry struct {
	idempotencyKey
	at wheel.Tick
}

const (
	idempotencyTTL     = 5 * time.Minute
	maxIdempotencyKeys = 1 << 18 // keys; beyond it the oldest are evicted
	MaxIdempotencyKey  = 128     // bytes of a key
)

// find returns the position of the publication with a key.
func (s *idempotencyCache) find(room, key string, now wheel.Tick) (StreamPosition, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evict(now)
	at, ok := s.positions[idempotencyKey{room, key}]
	return at, ok
}

// add stores the position of a publication with a key.
func (s *idempotencyCache) add(room, key string, at StreamPosition, now wheel.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.positions == nil {
		s.positions = map[idempotencyKey]StreamPosition{}
	}
	k := idempotencyKey{room, key}
	s.positions[k] = at
	s.order = append(s.order, idempotencyEntry{k, now})
	s.evict(now)
}

// evict drops entries that have expired, and the oldest beyond the limit. s.mu is held.
func (s *idempotencyCache) evict(now wheel.Tick) {
	for len(s.order) > 0 && (len(s.order) > maxIdempotencyKeys || s.order[0].at+fanout.InTicks(idempotencyTTL) < now) {
		delete(s.positions, s.order[0].idempotencyKey)
		s.order = s.order[1:]
	}
}
