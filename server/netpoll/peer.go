//go:build unix

package netpoll

import "net/netip"

// PeerAddr is the other end of an accepted connection, as Socket.RemoteAddr returns it.
type PeerAddr struct{ netip.AddrPort }

// Network is "tcp".
func (PeerAddr) Network() string { return "tcp" }
