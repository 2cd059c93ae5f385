package chat

import (
	"maps"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// idempotencyCache has the positions of publications with an idempotency key, by room and key. A caller that holds the room's lock over find
// and add makes the two atomic. Any goroutine may use it.
type idempotencyCache struct {
	mu        sync.Mutex // a leaf
	positions map[idempotencyKey]publishedAt
	order     []idempotencyEntry // the oldest first
	evicted   uint64             // keys that were dropped before their time, beyond maxIdempotencyKeys
}

// publishedAt is the position of the publication with a key.
type publishedAt struct {
	StreamPosition
	at wheel.Tick
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
	return at.StreamPosition, ok
}

// add stores the position of a publication with a key.
func (c *idempotencyCache) add(room, key string, at StreamPosition, now wheel.Tick) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.positions == nil {
		c.positions = map[idempotencyKey]publishedAt{}
	}
	k := idempotencyKey{room, key}
	c.positions[k] = publishedAt{at, now}
	c.order = append(c.order, idempotencyEntry{k, now})
	c.evict(now)
}

// remove removes a key whose publication was not published.
func (c *idempotencyCache) remove(room, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.positions, idempotencyKey{room, key})
}

// removeIf removes the keys of rooms.
func (c *idempotencyCache) removeIf(isOf func(room string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.positions, func(k idempotencyKey, _ publishedAt) bool { return isOf(k.room) })
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
		oldest := c.order[0]
		expired := oldest.at+fanout.InTicks(idempotencyTTL) < now
		if !expired && len(c.order) <= maxIdempotencyKeys {
			return
		}
		if !expired {
			c.evicted++
		}
		// A removed key may have been added again, with a later entry.
		if c.positions[oldest.idempotencyKey].at == oldest.at {
			delete(c.positions, oldest.idempotencyKey)
		}
		c.order = c.order[1:]
	}
}
