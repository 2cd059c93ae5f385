//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// pipe is what the server logs to.
type pipe struct{ out, in *os.File }

// fill writes until no line of the server fits any more.
func (pp *pipe) fill() error {
	// Another open file description than the server's, which stays in blocking mode.
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
