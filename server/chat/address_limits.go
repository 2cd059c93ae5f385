package chat

import (
	"net/netip"
	"time"
)

// AllowCommand counts a command against the rate limit of an address, which all of its connections share. It returns false over the limit. nil has no
// limit: a connection from before the first limit per address, or of a Unix socket. Any goroutine may call it.
func (h *Hub) AllowCommand(a *Address, now time.Duration) bool {
	limit := h.Settings().addressRate
	if limit.Every == 0 || a == nil {
		return true
	}
	h.AddressesMu.Lock()
	defer h.AddressesMu.Unlock()
	return limit.Allow(&a.meter, now, 1)
}

// ReserveAddress counts a connection of an address key. ok is false, and the address is nil, if the address is at its limit of connections.
// With ok, the address is nil if addresses are not counted (Config.CountsAddresses), or if from is the zero Addr: the peer of a Unix socket has
// no address. Return it with ReleaseAddress.
func (h *Hub) ReserveAddress(from netip.Addr) (a *Address, ok bool) {
	settings := h.Settings()
	if !settings.countsAddresses || !from.IsValid() {
		return nil, true
	}
	h.AddressesMu.Lock()
	defer h.AddressesMu.Unlock()
	a = h.Addresses[from]
	if a == nil {
		a = &Address{Key: from, meter: h.parkedAddressMeters.Resume(from)}
		h.Addresses[from] = a
	}
	if settings.maxAddressConnections > 0 && a.Conns >= settings.maxAddressConnections {
		return nil, false
	}
	a.Conns++
	return a, true
}

// ReleaseAddress ends a reservation; nil does nothing.
func (h *Hub) ReleaseAddress(a *Address) {
	if a == nil {
		return
	}
	h.AddressesMu.Lock()
	defer h.AddressesMu.Unlock()
	if a.Conns--; a.Conns == 0 {
		delete(h.Addresses, a.Key)
		h.parkedAddressMeters.Park(a.Key, a.meter, h.Clock.Now())
	}
}
