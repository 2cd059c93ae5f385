package limiter

import "net/netip"

// AddressKey is what counts as one address: an IPv6 customer has a /64 of them.
func AddressKey(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
