package netpoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenOnPort listens on a port that nobody uses, below those that the system gives to connections.
func listenOnPort(t *testing.T, o ListenOptions) *Listener {
	t.Helper()
	for port := 15000 + os.Getpid()%1000; ; port++ {
		l, err := Listen(fmt.Sprint("127.0.0.1:", port), o)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
}

// A listener that pauses refuses connections at once, and keeps its address. Then it accepts, and its connections have all options.
func TestAListenerThatPausesRefusesConnections(t *testing.T) {
	t.Parallel()
	l := listenOnPort(t, ListenOptions{SendBuffer: options.SendBuffer})
	acceptor, err := NewAcceptor(l)
	if err != nil {
		t.Fatal(err)
	}
	defer acceptor.Close()
	address := l.Addr().String()
	for range 2 {
		if err := l.Pause(); err != nil {
			t.Fatal(err)
		}
		if c, err := net.DialTimeout("tcp", address, 10*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("while it pauses: got %v, %v; want %v", c, err, syscall.ECONNREFUSED)
		}
		if got := l.Addr().String(); got != address {
			t.Errorf("got the address %s, want %s", got, address)
		}
		if err := l.Resume(); err != nil {
			t.Fatal(err)
		}
		client, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		a, err := acceptor.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := option(t, a.fd, unix.SOL_SOCKET, unix.SO_SNDBUF); got != 2*options.SendBuffer {
			t.Errorf("SO_SNDBUF: got %d, want %d", got, 2*options.SendBuffer)
		}
		if got := option(t, a.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); got == 0 {
			t.Error("TCP_NODELAY is off")
		}
		if err := unix.Close(a.fd); err != nil {
			t.Error(err)
		}
	}
	if second, err := Listen(address, options); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener after the pause: got %v, %v; want %v", second, err, syscall.EADDRINUSE)
	}
}

// TCP_DEFER_ACCEPT is an option of the listener: it is the same after a pause.
func TestAPauseKeepsTheOptionsOfTheListener(t *testing.T) {
	t.Parallel()
	l := listenOnPort(t, options)
	deferred := func() (n int) {
		t.Helper()
		if err := l.control(func(fd int) (err error) {
			n, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := deferred()
	if err := errors.Join(l.Pause(), l.Resume()); err != nil {
		t.Fatal(err)
	}
	if got := deferred(); got != before || before == 0 {
		t.Errorf("TCP_DEFER_ACCEPT: got %d after a pause, %d before; want the same, not 0", got, before)
	}
}

// Connections to a Unix socket wait, because the kernel does not let it listen again; those to a port that the kernel has chosen, because it would choose another one.
func TestSomeListenersDoNotPause(t *testing.T) {
	t.Parallel()
	for network, address := range map[string]string{"unix": "unix:" + t.TempDir() + "/s", "tcp": "127.0.0.1:0"} {
		l, err := Listen(address, options)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Pause(); err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial(network, l.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Close(), l.Resume()); err != nil {
			t.Fatal(err)
		}
	}
}
