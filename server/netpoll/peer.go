//go:build unix

package netpoll

import (
	"net"
	"net/netip"
)

// PeerAddr is the address of the peer of an accepted connection, as Socket.RemoteAddr returns it.
type PeerAddr struct{ netip.AddrPort }

// Network returns "tcp".
func (PeerAddr) Network() string { return "tcp" }

// unixPeer is the address of the peer of a Unix socket.
type unixPeer struct{}

// Network returns "unix".
func (unixPeer) Network() string { return "unix" }

// String returns "unix".
func (unixPeer) String() string { return "unix" }

// AddrOf returns the address of a peer. The zero AddrPort is a peer of a Unix socket, which has no address.
func AddrOf(peer netip.AddrPort) net.Addr {
	if !peer.IsValid() {
		return unixPeer{}
	}
	return PeerAddr{peer}
}
