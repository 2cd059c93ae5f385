package edge

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

const arrivalBurst = 10 * time.Second // of new connections from one address

// arrivals bounds the new connections a second of one address: coming and going is what no limit of a connection sees. One
// with so many people behind it that all come at once, as after a restart, has a burst of ten seconds' worth.
type arrivals struct {
	limit  limiter.Rate
	Exempt func(netip.Addr) bool
	seed   maphash.Seed

	mu     sync.Mutex             // a leaf
	meters [1 << 14]limiter.Meter // of addresses, by hash: a fixed size, whoever comes; those of one hash share one. Guarded by mu
}

// NewArrivals is for so many a second, 0 for any number. Exempt are this machine, and proxies, which come for many.
func NewArrivals(perSec int, trusted proxies) *arrivals {
	limit := limiter.PerSecond(perSec)
	limit.Burst = arrivalBurst
	return &arrivals{
		limit:  limit,
		Exempt: func(a netip.Addr) bool { return !a.IsValid() || a.IsLoopback() || trusted.trusted(a) },
		seed:   maphash.MakeSeed(),
	}
}

// Allow counts one more from an address, or says that there are too many.
func (a *arrivals) Allow(from netip.Addr, now time.Duration) bool {
	if a.limit.Every == 0 || a.Exempt(from) {
		return true
	}
	at := maphash.Comparable(a.seed, limiter.AddressKey(from)) % uint64(len(a.meters))
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limit.Allow(&a.meters[at], now, 1)
}
