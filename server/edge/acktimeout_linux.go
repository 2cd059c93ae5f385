package edge

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged makes the kernel end a connection whose peer does not acknowledge sent bytes within a time. The client of a stream does
// not answer pings: without it, a peer that is gone would be noticed only when the retransmissions end, after a quarter of an hour.
func limitUnacknowledged(c *net.TCPConn, within time.Duration) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(within/time.Millisecond))
	})
	return errors.Join(failed, err)
}
