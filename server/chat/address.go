package chat

import (
	"net/netip"

	"github.com/throng-chat/throng/server/limiter"
)

// Address is one address, or one /64 of IPv6, with connections. Guarded by Hub.AddressesMu.
type Address struct {
	At    netip.Addr // constant
	Conns int
	meter limiter.Meter // of commands
}
