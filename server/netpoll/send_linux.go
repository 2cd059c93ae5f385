package netpoll

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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

// HasRoom reports whether the send buffer has room for n more bytes, so that Send takes all of them: the kernel counts less than twice as much
// for them. It may report false too early. The kernel takes less nevertheless if all sockets together use too much memory (tcp_mem).
func HasRoom(s *Socket, n int) bool {
	const limit, queued = 3, 5 // SK_MEMINFO_SNDBUF, SK_MEMINFO_WMEM_QUEUED
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	s.Lock()
	defer s.Unlock()
	if closed, _ := s.IsClosed(); closed {
		return false
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(s.Hash()), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return errno == 0 && uint64(info[queued])+2*uint64(n) <= uint64(info[limit])
}
