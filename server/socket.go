package server

import (
	"net"
	"syscall"

	"github.com/lesismal/nbio"
)

// shutdownWrite tells the peer that nothing more comes, and leaves it to the peer to end TCP: closing with bytes unread
// would reset the connection, and a reset overtakes the close frame.
func shutdownWrite(nc *nbio.Conn) error {
	nc.Lock()
	defer nc.Unlock()
	if closed, _ := nc.IsClosed(); closed {
		return net.ErrClosed
	}
	return syscall.Shutdown(nc.Hash(), syscall.SHUT_WR)
}
