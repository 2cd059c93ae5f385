package netpoll

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"
)

// Acceptor accepts without Go's net package, whose connections cost six system calls more: net registers them with Go's poller and removes
// them again, reads their local address, sets TCP_NODELAY (which the listener passes on here), and duplicates their descriptor for nbio.
// Owned by the goroutine that calls Accept, except Close.
type Acceptor struct {
	file   *os.File // a duplicate of the listener, which Go's poller watches
	unix   bool     // the listener is a Unix socket
	buffer int      // SO_SNDBUF of its connections: a Unix socket inherits no options
	closed atomic.Bool
	raw    syscall.RawConn
	try    func(fd uintptr) bool // accepts into the fields below; one closure for all calls

	fd    uintptr
	errno syscall.Errno
	from  unix.RawSockaddrAny
	size  uint32
}

// NewAcceptor returns an acceptor of a listener, of which it duplicates the descriptor.
func NewAcceptor(l *Listener) (*Acceptor, error) {
	file, err := l.file()
	if err != nil {
		return nil, err
	}
	a := &Acceptor{file: file, unix: l.path != "", buffer: l.options.SendBuffer}
	if a.raw, err = file.SyscallConn(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	a.try = func(fd uintptr) bool {
		a.size = unix.SizeofSockaddrAny
		// A raw system call, since it cannot block.
		a.fd, _, a.errno = syscall.RawSyscall6(unix.SYS_ACCEPT4, fd, uintptr(unsafe.Pointer(&a.from)), uintptr(unsafe.Pointer(&a.size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		return a.errno != unix.EAGAIN
	}
	return a, nil
}

// Close ends Accept. Any goroutine may call it.
func (acc *Acceptor) Close() error {
	acc.closed.Store(true)
	return acc.file.Close()
}

// Accept waits for the next connection. The error is net.ErrClosed after Close, else one of accept4, or of waiting.
func (acc *Acceptor) Accept() (Accepted, error) {
	err := acc.raw.Read(acc.try)
	switch {
	case err != nil && acc.closed.Load():
		return Accepted{}, net.ErrClosed
	case err != nil:
		return Accepted{}, err
	case acc.errno != 0:
		return Accepted{}, acc.errno
	}
	if acc.unix {
		if err := unix.SetsockoptInt(int(acc.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, acc.buffer); err != nil {
			return Accepted{}, errors.Join(err, unix.Close(int(acc.fd)))
		}
	}
	return Accepted{fd: int(acc.fd), Peer: addrPort(&acc.from)}, nil
}

// addrPort converts an address of the kernel. It returns the zero AddrPort for other families than IPv4 and IPv6.
func addrPort(from *unix.RawSockaddrAny) netip.AddrPort {
	port := func(p *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:]) }
	switch from.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(from))
		ip := netip.AddrFrom16(in.Addr).Unmap()
		if in.Scope_id != 0 { // link-local
			ip = ip.WithZone(strconv.Itoa(int(in.Scope_id)))
		}
		return netip.AddrPortFrom(ip, port(&in.Port))
	}
	return netip.AddrPort{}
}

// Accepted is a connection that was accepted and has no owner yet. Conn, Socket or Reject takes it.
type Accepted struct {
	fd   int
	Peer netip.AddrPort // the zero AddrPort for a Unix socket
}

// ReadNow reads the bytes that have come, without waiting. It returns 0 on an error, which the next read returns again.
func (a Accepted) ReadNow(b []byte) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(a.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// Reject sends a response and closes the connection. The response must be so short that a new socket takes all of it.
func (a Accepted) Reject(response []byte) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(a.fd), uintptr(unsafe.Pointer(unsafe.SliceData(response))), uintptr(len(response)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	err := unix.Close(a.fd)
	if errno != 0 {
		err = errors.Join(errno, err)
	}
	return err
}

// Conn returns the connection as one of the net package, for code that must wait or that is net/http. The descriptor is duplicated for a
// moment. On an error the connection is closed.
func (a Accepted) Conn() (Conn, error) {
	file := os.NewFile(uintptr(a.fd), "")
	c, err := net.FileConn(file)
	if err = errors.Join(err, file.Close()); err != nil {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c.(*net.UnixConn), nil
	}
	// As Listen does.
	if err := tcp.SetKeepAlive(false); err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return tcp, nil
}

// Socket returns the connection as a socket of the loop. On an error the connection is closed.
func (a Accepted) Socket() (*Socket, error) {
	if !layoutKnown {
		c, err := a.Conn()
		if err != nil {
			return nil, err
		}
		return FromConn(c, a.Peer)
	}
	return newSocket(a.fd, a.Peer), nil
}

// takeOver returns a socket that has the descriptor of c, under another number, and closes c. It keeps the address of the peer only: nbio's
// NBConn would keep both addresses of c, 140 bytes more for a connection over IPv4.
func takeOver(c Conn, peer netip.AddrPort) (*Socket, error) {
	if !layoutKnown {
		return nbio.NBConn(c) // with the address of c in place of peer
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failed error
	if err := raw.Control(func(of uintptr) { fd, failed = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || failed != nil {
		return nil, errors.Join(err, failed)
	}
	if err := c.Close(); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return newSocket(fd, peer), nil
}

// newSocket makes what nbio's NBConn does of a descriptor. The layout must be known. A Unix socket has the type of TCP as well: with its own
// type, nbio's Write would lose the bytes that a full socket does not take. Nothing else depends on the type.
func newSocket(fd int, peer netip.AddrPort) *Socket {
	nc := new(nbio.Conn)
	base := unsafe.Pointer(nc)
	*(*int)(unsafe.Add(base, layout.fd)) = fd
	*(*int8)(unsafe.Add(base, layout.typ)) = nbio.ConnTypeTCP
	*(*net.Addr)(unsafe.Add(base, layout.rAddr)) = AddrOf(peer)
	return nc
}

// layout is where nbio.Conn has the fields that its NBConn fills; nbio has no other way to make one from a descriptor. It is found by
// reflection. If a future nbio has other fields, NBConn is used.
var layout, layoutKnown = func() (at struct{ fd, typ, rAddr uintptr }, known bool) {
	known = true
	of := reflect.TypeFor[nbio.Conn]()
	offset := func(name string, want reflect.Type) uintptr {
		f, ok := of.FieldByName(name)
		known = known && ok && f.Type == want && len(f.Index) == 1
		return f.Offset
	}
	at.fd = offset("fd", reflect.TypeFor[int]())
	at.typ = offset("typ", reflect.TypeFor[int8]())
	at.rAddr = offset("rAddr", reflect.TypeFor[net.Addr]())
	return at, known
}()
