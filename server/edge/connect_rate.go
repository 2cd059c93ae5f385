package edge

import (
	"net/netip"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

const (
	connectBurst  = 10 * time.Second // of new connections from one address
	connectMeters = 1 << 14
)

// connectRate limits the new connections per second of each address. Frequent connects and disconnects are expensive, and no limit of a
// connection applies to them. The burst is large because all clients behind one address may reconnect at once after a restart.
type connectRate struct {
	addresses *limiter.AddressRates
	Exempt    func(netip.Addr) bool
}

// newConnectRate returns a limit of perSecond new connections, 0 for no limit. This machine is exempt. So are trusted proxies, because each
// connects for many clients.
func newConnectRate(perSecond int, trusted proxies) *connectRate {
	return &connectRate{
		addresses: limiter.NewAddressRates(connectLimit(perSecond), connectMeters),
		Exempt:    func(a netip.Addr) bool { return !a.IsValid() || a.IsLoopback() || trusted.trusted(a) },
	}
}

// connectLimit returns the limit of perSecond new connections.
func connectLimit(perSecond int) limiter.Rate {
	limit := limiter.PerSecond(perSecond)
	limit.Burst = connectBurst
	return limit
}

// setRate replaces the limit.
func (cr *connectRate) setRate(perSecond int) { cr.addresses.SetRate(connectLimit(perSecond)) }

// Allow reports whether an address may connect now, and if so counts the connection.
func (cr *connectRate) Allow(from netip.Addr, now time.Duration) bool {
	return cr.Exempt(from) || cr.addresses.Allow(from, now)
}
