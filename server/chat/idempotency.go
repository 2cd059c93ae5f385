package chat

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// idempotencyCache has the positions of publications with an idempotency key, by room and key. A caller that holds the room's lock over find
// and add makes the two atomic. Any goroutine may use it.
type idempotencyCache struct {
	mu        sync.Mutex // a leaf
	positions map[idempotencyKey]StreamPosition
	order     []idempotencyEntry // the oldest first
	evicted   uint64             // keys that were dropped before their time, beyond maxIdempotencyKeys
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
func (c *idempotencyCache) find(room, key string, now wheel.Tick) (StreamPosition, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evict(now)
	at, ok := c.positions[idempotencyKey{room, key}]
	return at, ok
}

// add stores the position of a publication with a key.
func (c *idempotencyCache) add(room, key string, at StreamPosition, now wheel.Tick) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.positions == nil {
		c.positions = map[idempotencyKey]StreamPosition{}
	}
	k := idempotencyKey{room, key}
	c.positions[k] = at
	c.order = append(c.order, idempotencyEntry{k, now})
	c.evict(now)
}

// evictedCount returns the number of keys that were dropped before their time.
func (c *idempotencyCache) evictedCount() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evicted
}

// evict drops entries that have expired, and the oldest beyond the limit. c.mu is held.
func (c *idempotencyCache) evict(now wheel.Tick) {
	for len(c.order) > 0 {
		expired := c.order[0].at+fanout.InTicks(idempotencyTTL) < now
		if !expired && len(c.order) <= maxIdempotencyKeys {
			return
		}
		if !expired {
			c.evicted++
		}
		delete(c.positions, c.order[0].idempotencyKey)
		c.order = c.order[1:]
	}
}
