package limiter

import (
	"net/netip"
	"testing"
)

// The zero Addr is every peer of a Unix socket, so it has no rate.
func TestThePeersOfUnixSocketsHaveNoRate(t *testing.T) {
	rates := NewAddressRates(PerSecond(1), 16)
	for i := range 100 {
		if !rates.Allow(netip.Addr{}, 0) {
			t.Fatalf("number %d is rejected", i)
		}
	}
}
