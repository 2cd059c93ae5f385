package netpoll

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// LimitUnacknowledged makes the kernel end a connection whose peer does not acknowledge sent bytes within a time. Without it, a peer that is
// gone is noticed only if it must send something, or when the retransmissions end, after a quarter of an hour. Called before Loop.Add.
func LimitUnacknowledged(s *Socket, within time.Duration) error {
	err := unix.SetsockoptInt(s.Hash(), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(within/time.Millisecond))
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil // a Unix socket: the kernel reports the end of its peer at once
	}
	return err
}
