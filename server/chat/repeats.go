package chat

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/recent"
)

// maxRepeats is the number of messages of chat rooms with repeat-limit that are remembered. Beyond it the oldest are dropped.
const maxRepeats = 1 << 16

// repeats counts equal messages of one author in one room. It has a hash and a meter of each message, in memory only: a restart clears it, a reload
// keeps it, and a second node has its own. Any goroutine may use it.
type repeats struct {
	seed maphash.Seed // constant

	mu     sync.Mutex // a leaf
	meters recent.Table[limiter.Meter]
}

func newRepeats() repeats {
	return repeats{seed: maphash.MakeSeed(), meters: recent.Table[limiter.Meter]{Max: maxRepeats}}
}

// repeated is a message of an author in a room.
type repeated struct{ room, user, client, text string }

// allow counts a message. It returns false if there were limit equal messages in the window, of which one leaves it each window/limit.
func (rp *repeats) allow(m repeated, limit int, window, now time.Duration) bool {
	rate := limiter.Rate{Every: window / time.Duration(limit), Burst: window}
	key := maphash.Comparable(rp.seed, m)
	rp.mu.Lock()
	defer rp.mu.Unlock()
	var meter limiter.Meter
	if known := rp.meters.Get(key); known != nil {
		meter = *known
	}
	if !rate.Allow(&meter, now, 1) {
		return false
	}
	rp.meters.Put(key, meter)
	return true
}
