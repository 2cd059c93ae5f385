package netpoll

import "golang.org/x/sys/unix"

// HungUp says whether the peer has ended its side: then nbio closes the socket when the poller's callback returns, and what
// was not read by then is lost. A wrong answer, about a descriptor that was closed meanwhile, does no harm: reading goes by
// nbio's own lock.
func HungUp(s *Socket) bool {
	fds := []unix.PollFd{{Fd: int32(s.Hash()), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0
}
