//go:build unix

package netpoll

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// PeerAddr is the address of the peer of an accepted connection over TCP, as Socket.RemoteAddr returns it.
type PeerAddr interface {
	net.Addr
	AddrPort() netip.AddrPort
}

// AddrOf returns the address of a peer. The zero AddrPort is a peer of a Unix socket, which has no PeerAddr.
func AddrOf(peer netip.AddrPort) net.Addr {
	at := peer.Addr()
	switch {
	case at.Is4():
		bytes := at.As4()
		return peer4{binary.BigEndian.Uint32(bytes[:]), peer.Port()}
	case peer.IsValid():
		return peer6(peer)
	}
	return unixPeer{}
}

// peer4 is a peer over IPv4. Each connection keeps its peer, so it has 8 bytes in place of the 32 of a netip.AddrPort.
type peer4 struct {
	address uint32
	port    uint16
}

// Network returns "tcp".
func (four peer4) Network() string { return "tcp" }

// String returns the address and the port.
func (four peer4) String() string { return four.AddrPort().String() }

// AddrPort implements PeerAddr.
func (four peer4) AddrPort() netip.AddrPort {
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], four.address)
	return netip.AddrPortFrom(netip.AddrFrom4(bytes), four.port)
}

// peer6 is a peer over IPv6.
type peer6 netip.AddrPort

// Network returns "tcp".
func (six peer6) Network() string { return "tcp" }

// String returns the address and the port.
func (six peer6) String() string { return netip.AddrPort(six).String() }

// AddrPort implements PeerAddr.
func (six peer6) AddrPort() netip.AddrPort { return netip.AddrPort(six) }

// unixPeer is the address of the peer of a Unix socket.
type unixPeer struct{}

// Network returns "unix".
func (unixPeer) Network() string { return "unix" }

// String returns "unix".
func (unixPeer) String() string { return "unix" }
