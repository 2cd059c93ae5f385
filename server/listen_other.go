//go:build unix && !linux

package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// prepareListener sets what accepted sockets inherit.
func prepareListener(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
		return fmt.Errorf("SO_SNDBUF: %w", err)
	}
	return nil
}
