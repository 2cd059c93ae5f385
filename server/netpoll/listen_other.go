//go:build unix && !linux

package netpoll

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// prepare sets the options that accepted sockets inherit.
func (o ListenOptions) prepare(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer); err != nil {
		return fmt.Errorf("SO_SNDBUF: %w", err)
	}
	return nil
}

func pauseListening(int) error  { return nil }
func resumeListening(int) error { return nil }
