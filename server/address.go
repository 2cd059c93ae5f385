package server

import (
	"net/netip"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// address is one address, or one household of IPv6, with connections. Guarded by hub.addressesMu.
type address struct {
	at    netip.Addr // constant
	conns int
	meter limiter.Meter // of commands
}

// addressMayAsk holds an address to its rate, over all of its connections.
func (h *hub) addressMayAsk(a *address, now time.Duration) bool {
	if h.addressRate.Every == 0 {
		return true
	}
	h.addressesMu.Lock()
	defer h.addressesMu.Unlock()
	return h.addressRate.Allow(&a.meter, now, 1)
}

// reserveAddress counts a connection of an address; ok is false where there are too many. It is nil where addresses do not count.
func (h *hub) reserveAddress(from netip.Addr) (a *address, ok bool) {
	if !h.countsAddresses {
		return nil, true
	}
	h.addressesMu.Lock()
	defer h.addressesMu.Unlock()
	a = h.addresses[from]
	if a == nil {
		a = &address{at: from, meter: h.spentByAddresses.Resume(from)}
		h.addresses[from] = a
	}
	if h.maxOfAddress > 0 && a.conns >= h.maxOfAddress {
		return nil, false
	}
	a.conns++
	return a, true
}

func (h *hub) releaseAddress(a *address) {
	if a == nil {
		return
	}
	h.addressesMu.Lock()
	defer h.addressesMu.Unlock()
	if a.conns--; a.conns == 0 {
		delete(h.addresses, a.at)
		h.spentByAddresses.Park(a.at, a.meter, h.Clock.Now())
	}
}
