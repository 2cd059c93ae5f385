package edge

import (
	"net"

	"golang.org/x/sys/unix"
)

// UnsentBytes is how many bytes the kernel holds that the peer has not acknowledged; 0 where it cannot say.
func UnsentBytes(c *net.TCPConn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	if failed := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); failed != nil || err != nil {
		return 0 // it is closed
	}
	return n
}
