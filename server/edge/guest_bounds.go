package edge

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

const (
	GuestRate     = 50              // tokens a second for one address, which may be a proxy with everybody behind it
	GuestTimeout  = 2 * time.Second // for the body to arrive
	maxGuestsWait = 500             // requests in progress, of all addresses: each costs a goroutine. Of an address with many, the oldest body makes room
)

// guests bounds what people cost who ask for a guest's token.
type guests struct {
	Bodies  *limiter.Places // of the requests in progress
	Timeout time.Duration   // for a body to arrive
	seed    maphash.Seed

	mu    sync.Mutex          // a leaf
	asked [4096]limiter.Meter // of addresses, by hash: a fixed size, whoever comes; those of one hash share one. Guarded by mu
}

func NewGuests() *guests {
	return &guests{Bodies: limiter.NewPlaces(maxGuestsWait, false), Timeout: GuestTimeout, seed: maphash.MakeSeed()}
}

// MayAsk holds an address to its rate.
func (g *guests) MayAsk(from netip.Addr, now time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return limiter.PerSecond(GuestRate).Allow(&g.asked[g.Index(from)], now, 1)
}

func (g *guests) Index(from netip.Addr) uint64 {
	return maphash.Comparable(g.seed, from) % uint64(len(g.asked))
}
