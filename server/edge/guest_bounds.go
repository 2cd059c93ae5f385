package edge

import (
	"net/netip"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

const (
	GuestRate     = 50              // tokens per second of one address, which may be that of a proxy with many clients
	guestMeters   = 4096            // of addresses
	GuestTimeout  = 2 * time.Second // for the body to arrive
	maxGuestsWait = 500             // requests in progress, of all addresses: each costs a goroutine. The address with the most evicts its oldest
)

// guests bounds the cost of requests for guest tokens.
type guests struct {
	Bodies  *limiter.Slots // of the requests in progress
	Timeout time.Duration  // for a body to arrive
	Rates   *limiter.AddressRates
}

// NewGuests returns the bounds with their default limits.
func NewGuests() *guests {
	return &guests{
		Bodies:  limiter.NewSlots(maxGuestsWait, false),
		Timeout: GuestTimeout,
		Rates:   limiter.NewAddressRates(limiter.PerSecond(GuestRate), guestMeters),
	}
}

// Allow reports whether an address may request a token now, and if so counts the request.
func (g *guests) Allow(from netip.Addr, now time.Duration) bool { return g.Rates.Allow(from, now) }
