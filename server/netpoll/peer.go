//go:build unix

package netpoll

import "net/netip"

// PeerAddr is the address of the peer of an accepted connection, as Socket.RemoteAddr returns it.
type PeerAddr struct{ netip.AddrPort }

// Network returns "tcp".
func (PeerAddr) Network() string { return "tcp" }
