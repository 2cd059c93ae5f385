//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// pipe is the pipe of the server's log.
type pipe struct{ out, in *os.File }

// fill writes until the pipe has no room for another line of the server.
func (pp *pipe) fill() error {
	// This needs an open file description of its own, because the server's must stay in blocking mode.
	fd, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", pp.in.Fd()), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for _, size := range []int{4096, 1} {
		for err == nil {
			_, err = syscall.Write(fd, make([]byte, size))
		}
		if !errors.Is(err, syscall.EAGAIN) {
			return errors.Join(err, syscall.Close(fd))
		}
		err = nil
	}
	return syscall.Close(fd)
}
