package chat

import (
	"net/netip"

	"github.com/throng-chat/throng/server/limiter"
)

// Address is an IP address with connections: one IPv4 address, or a /64 of IPv6. Guarded by Hub.AddressesMu.
type Address struct {
	Key   netip.Addr // constant
	Conns int
	meter limiter.Meter // of commands
}
