package fanout

import (
	"net"
	"net/netip"

	"github.com/throng-chat/throng/server/netpoll"
)

// PeerOf returns the address of the other end of a connection, or the zero Addr if it is not known.
func PeerOf(c net.Conn) netip.Addr {
	if at, ok := c.RemoteAddr().(netpoll.PeerAddr); ok { // *net.TCPAddr is one, too
		return at.AddrPort().Addr()
	}
	return netip.Addr{}
}
