package limiter

import "net/netip"

// AddressKey returns the key by which an address is counted: an IPv4 address, or the /64 of an IPv6 address, since one customer has a /64.
func AddressKey(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
