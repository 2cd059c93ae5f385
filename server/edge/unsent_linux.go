package edge

import (
	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/netpoll"
)

// unsentBytes returns the number of bytes in the kernel that the peer has not acknowledged; 0 if it is unknown.
func unsentBytes(c netpoll.Conn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	if failed := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); failed != nil || err != nil {
		return 0 // the connection is closed
	}
	return n
}
