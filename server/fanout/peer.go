package fanout

import (
	"net"
	"net/netip"

	"github.com/throng-chat/throng/server/netpoll"
)

// PeerOf returns the address of the other end of a connection, or the zero Addr if it is not known.
func PeerOf(c net.Conn) netip.Addr {
	switch a := c.RemoteAddr().(type) {
	case netpoll.PeerAddr:
		return a.Addr()
	case *net.TCPAddr:
		return a.AddrPort().Addr()
	}
	return netip.Addr{}
}
