package floor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Serve serves at the IPv4 address until ctx ends. It calls ready with the listening address. After an overload it returns Refused.
func Serve(ctx context.Context, address string, ready func(net.Addr)) error {
	// The thread waits in the kernel, so no other goroutine may run on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return fmt.Errorf("listen on %q: must be an IPv4 address and a port, such as 127.0.0.1:9000", address)
	}
	listener, err := listen(at)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	defer unix.Close(listener)
	name, err := unix.Getsockname(listener)
	if err != nil {
		return err
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(poll)
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(wake)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a write to an eventfd succeeds
	})
	defer func() {
		if !stop() {
			<-stopped
		}
	}()
	for _, fd := range []int{listener, wake} {
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	if v4, ok := name.(*unix.SockaddrInet4); ok {
		ready(&net.TCPAddr{IP: v4.Addr[:], Port: v4.Port})
	}
	return loop(ctx, poll, listener, wake)
}

func listen(at netip.AddrPort) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	// Accepted sockets inherit these options, which saves system calls per connection.
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
		unix.Listen(fd, 4096),
	)
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func loop(ctx context.Context, poll, listener, wake int) error {
	h := &hall{rooms: map[string]*room{}, send: send, close: func(fd int) { _ = unix.Close(fd) }} // Close frees the descriptor also if it fails
	peers := map[int]*peer{}
	defer func() {
		for _, p := range peers {
			h.leave(p)
		}
	}()
	events := make([]unix.EpollEvent, 1024)
	buf := make([]byte, readSize)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(poll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			switch fd := int(e.Fd); fd {
			case wake:
			case listener:
				if err := accept(poll, listener, peers); err != nil {
					return err
				}
			default:
				p := peers[fd]
				if p == nil || p.fd != fd {
					continue
				}
				n, err := recv(fd, buf)
				if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
					continue
				}
				if err == nil && n > 0 {
					err = h.take(p, buf[:n])
				}
				if err != nil || n <= 0 {
					h.leave(p)
					delete(peers, fd)
				}
			}
		}
	}
	if h.refused > 0 {
		return Refused(h.refused)
	}
	return nil
}

// accept accepts all waiting connections.
func accept(poll, listener int, peers map[int]*peer) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return errors.Join(fmt.Errorf("epoll: %w", err), unix.Close(fd))
		}
		peers[fd] = &peer{fd: fd}
	}
}

// send and recv are raw system calls that do not block. Go's scheduler is not involved, because that would about double their cost.

func send(fd int, b []byte) error {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return errno
	}
	if int(n) != len(b) {
		return syscall.EAGAIN
	}
	return nil
}

func recv(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
