package netpoll

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// If the layout is not known, each upgrade takes a third more CPU. A new version of nbio may need other names in layout.
func TestTheLayoutOfNbiosConnectionIsKnown(t *testing.T) {
	if !layoutKnown {
		t.Error("nbio.Conn does not have the fields that Accepted.Socket sets: connections go through nbio.NBConn")
	}
}

var options = ListenOptions{SendBuffer: 64 << 10, FirstBytes: 5 * time.Second}

// acceptOne listens on an address and accepts one connection to it.
func acceptOne(t *testing.T, address string) (a Accepted, client net.Conn) {
	t.Helper()
	l, err := Listen(address, options)
	if err != nil {
		t.Skipf("this machine has no such address: %v", err)
	}
	defer l.Close()
	acceptor, err := NewAcceptor(l)
	if err != nil {
		t.Fatal(err)
	}
	defer acceptor.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if _, err := client.Write([]byte("hello")); err != nil { // the kernel keeps a connection without bytes back
		t.Fatal(err)
	}
	if a, err = acceptor.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, client
}

func option(t *testing.T, fd, level, name int) int {
	t.Helper()
	v, err := unix.GetsockoptInt(fd, level, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Socket and TCP both have the address of the peer, TCP_NODELAY and no keep-alive.
func TestAnAcceptedSocket(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(address, func(t *testing.T) {
			a, client := acceptOne(t, address)
			want := client.LocalAddr().(*net.TCPAddr).AddrPort()
			if a.Peer != netip.AddrPortFrom(want.Addr().Unmap(), want.Port()) {
				t.Errorf("peer: got %v, want %v", a.Peer, want)
			}
			var b [16]byte
			if n := a.ReadNow(b[:]); string(b[:n]) != "hello" {
				t.Errorf("got %q, want hello", b[:n])
			}
			if n := a.ReadNow(b[:]); n != 0 {
				t.Errorf("got %q, want nothing more", b[:n])
			}
			nc, err := a.Socket()
			if err != nil {
				t.Fatal(err)
			}
			if nc.Hash() != a.fd || !nc.IsTCP() || nc.RemoteAddr().String() != client.LocalAddr().String() || nc.RemoteAddr().(PeerAddr).AddrPort() != a.Peer {
				t.Errorf("got descriptor %d of %v, TCP %v; want %d of %v", nc.Hash(), nc.RemoteAddr(), nc.IsTCP(), a.fd, client.LocalAddr())
			}
			tcp, err := a.Conn() // closes a.fd
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			if got := tcp.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(); got != a.Peer.Addr() {
				t.Errorf("got %v, want %v", got, a.Peer)
			}
			raw, err := tcp.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			if err := raw.Control(func(fd uintptr) {
				if option(t, int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 || option(t, int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0 {
					t.Error("want TCP_NODELAY and no SO_KEEPALIVE")
				}
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// An accepted descriptor has its options before Socket or Conn: the loop uses it as it is.
func TestAnAcceptedSocketInheritsItsOptions(t *testing.T) {
	a, _ := acceptOne(t, "127.0.0.1:0")
	defer unix.Close(a.fd)
	if option(t, a.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 || option(t, a.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0 {
		t.Error("want TCP_NODELAY and no SO_KEEPALIVE")
	}
	if got := option(t, a.fd, unix.SOL_SOCKET, unix.SO_SNDBUF); got != 2*options.SendBuffer { // the kernel doubles it
		t.Errorf("SO_SNDBUF: got %d, want %d", got, 2*options.SendBuffer)
	}
	flags, err := unix.FcntlInt(uintptr(a.fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %x, %v: want O_NONBLOCK", flags, err)
	}
	if flags, err = unix.FcntlInt(uintptr(a.fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor's flags %x, %v: want FD_CLOEXEC", flags, err)
	}
}

// The sockets of connections that waited, or of TLS, are as small as those that the acceptor makes.
func TestASocketOfTCPKeepsOneAddress(t *testing.T) {
	a, client := acceptOne(t, "127.0.0.1:0")
	tcp, err := a.Conn()
	if err != nil {
		t.Fatal(err)
	}
	s, err := FromConn(tcp, a.Peer)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s.Hash())
	if got, ok := s.RemoteAddr().(PeerAddr); !ok || got.AddrPort() != a.Peer || s.LocalAddr() != nil {
		t.Errorf("got %T %v and %v; want the peer %v alone", s.RemoteAddr(), s.RemoteAddr(), s.LocalAddr(), a.Peer)
	}
	if !s.IsTCP() {
		t.Error("the socket is not one of TCP")
	}
	if flags, err := unix.FcntlInt(uintptr(s.Hash()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor's flags %x, %v: want FD_CLOEXEC", flags, err)
	}
	if _, err := tcp.Write([]byte("x")); err == nil {
		t.Error("the connection of net is open")
	}
	if n, err := Send(s, []byte("x")); n != 1 || err != nil {
		t.Errorf("sent %d, %v", n, err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("the peer got %d, %v", n, err)
	}
}
