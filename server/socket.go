package server

import (
	"errors"
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

// endSocket ends both directions of TCP at once. The descriptor is closed by the connection's poller, when it handles the
// hang-up that epoll or kqueue then reports: only there is it certain that no event of this descriptor is left among those
// that the poller has fetched. nbio applies an event to whatever connection holds the descriptor by then, so a descriptor that
// somebody else closed, and a new client got, would end that client by the hang-up of the old one.
//
// One close remains elsewhere: nbio closes by itself when the sentinel (shard.arm) cannot be written.
func endSocket(nc *nbio.Conn) error {
	nc.Lock()
	if closed, _ := nc.IsClosed(); closed {
		nc.Unlock()
		return net.ErrClosed
	}
	if nc.Session() == nil {
		nc.Unlock()
		return nc.Close() // no poller has it yet
	}
	defer nc.Unlock()
	if err := syscall.Shutdown(nc.Hash(), syscall.SHUT_RDWR); !errors.Is(err, syscall.ENOTCONN) {
		return err
	}
	return nil // the peer reset it, which is a hang-up, too
}
