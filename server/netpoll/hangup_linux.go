package netpoll

import "golang.org/x/sys/unix"

// HungUp reports whether the peer has ended its side. Then nbio closes the socket after the callback of the poller, and unread bytes are
// lost. If the descriptor was closed meanwhile, the result may be that of another socket: this is harmless, because Read uses nbio's lock.
func HungUp(s *Socket) bool {
	fds := []unix.PollFd{{Fd: int32(s.Hash()), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0
}
