package edge

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
)

const (
	MaxConnectBody   = 64 << 10        // bytes of the body of a request for a stream
	fallbackTimeout  = 5 * time.Second // for the body of a request; the same again for the session to accept commands
	maxBodies        = 32 << 20        // bytes of the bodies in progress, together
	maxFallbacksWait = 1000            // requests in progress, of all addresses: each costs a goroutine
	emulationRate    = 1000            // requests to EmulationPath per second of one address, which may be that of a proxy with many clients
	emulationMeters  = 1 << 14
)

// fallbacks has the bounds of the requests of HTTP fallbacks. Its parts have locks.
type fallbacks struct {
	InProgress *limiter.Slots
	Bodies     limiter.Budget
	Rates      *limiter.AddressRates // of EmulationPath
	logs       rate.Sometimes        // of commands for a session of another process
	ackTimeout time.Duration         // for the peer of a stream to acknowledge bytes
}

func newFallbacks(ackTimeout time.Duration) *fallbacks {
	fb := &fallbacks{
		InProgress: limiter.NewSlots(maxFallbacksWait, false),
		Bodies:     limiter.Budget{Share: 1},
		Rates:      limiter.NewAddressRates(limiter.PerSecond(emulationRate), emulationMeters),
		logs:       logqueue.EverySecond(),
		ackTimeout: ackTimeout,
	}
	fb.Bodies.SetMax(maxBodies)
	return fb
}
