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

// Acceptor accepts without Go's net package, whose connections cost six system calls more: they are registered with Go's own poller and
// taken out again, asked for their own name, given TCP_NODELAY (which is inherited of the listener here), and their descriptor is
// duplicated for nbio. Owned by who calls Accept, but for Close.
type Acceptor struct {
	file   *os.File // a duplicate of the listener, for Go's poller to wait for
	closed atomic.Bool
	raw    syscall.RawConn
	try    func(fd uintptr) bool // accepts into what follows; one closure for all

	fd    uintptr
	errno syscall.Errno
	from  unix.RawSockaddrAny
	size  uint32
}

func NewAcceptor(l *net.TCPListener) (*Acceptor, error) {
	file, err := l.File()
	if err != nil {
		return nil, err
	}
	a := &Acceptor{file: file}
	if a.raw, err = file.SyscallConn(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	a.try = func(fd uintptr) bool {
		a.size = unix.SizeofSockaddrAny
		// A raw call: it cannot block.
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
	return Accepted{fd: int(acc.fd), Peer: addrPort(&acc.from)}, nil
}

// addrPort reads the kernel's form of an address.
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

// Accepted is a connection that was accepted and belongs to nobody yet: TCP or Socket makes something of it.
type Accepted struct {
	fd   int
	Peer netip.AddrPort
}

// ReadNow takes what the socket has, and does not wait for more. What is wrong with it, the next read tells.
func (a Accepted) ReadNow(b []byte) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(a.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// Refuse sends an answer so short that a new socket takes it, and closes.
func (a Accepted) Refuse(answer []byte) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(a.fd), uintptr(unsafe.Pointer(unsafe.SliceData(answer))), uintptr(len(answer)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	err := unix.Close(a.fd)
	if errno != 0 {
		err = errors.Join(errno, err)
	}
	return err
}

// TCP makes a connection of the net package of it, for whom must wait or is net/http's. That duplicates its descriptor, for a moment.
// Where there is an error, it is closed.
func (a Accepted) TCP() (*net.TCPConn, error) {
	file := os.NewFile(uintptr(a.fd), "")
	c, err := net.FileConn(file)
	if err = errors.Join(err, file.Close()); err != nil {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	// As Listen has it for those that it accepts.
	if err := tcp.SetKeepAlive(false); err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return tcp, nil
}

// Socket makes a socket of the loop of it. Where there is an error, it is closed.
func (a Accepted) Socket() (*Socket, error) {
	if !layoutKnown {
		tcp, err := a.TCP()
		if err != nil {
			return nil, err
		}
		return FromTCP(tcp)
	}
	nc := new(nbio.Conn)
	base := unsafe.Pointer(nc)
	*(*int)(unsafe.Add(base, layout.fd)) = a.fd
	*(*int8)(unsafe.Add(base, layout.typ)) = nbio.ConnTypeTCP
	*(*net.Addr)(unsafe.Add(base, layout.rAddr)) = PeerAddr{a.Peer}
	return nc, nil
}

// layout is where nbio.Conn keeps what its NBConn fills, which has no other way in for a descriptor. It is found by reflection; where a
// future nbio has other fields, NBConn is used.
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
