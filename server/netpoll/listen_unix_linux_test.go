package netpoll

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/testkit"
)

// stale leaves the file of a socket on which no process listens.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestAStaleUnixSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale(t, path)
	l, err := Listen("unix:"+path, options)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Addr(); got.String() != "unix:"+path || got.Network() != "unix" {
		t.Errorf("got the address %s %s", got.Network(), got)
	}
	if file, err := os.Lstat(path); err != nil || file.Mode() != os.ModeSocket|UnixMode {
		t.Errorf("got %v, %v; want a socket of mode %o", file, err, UnixMode)
	}
	if second, err := Listen("unix:"+path, options); !errors.Is(err, syscall.EADDRINUSE) || second != nil {
		t.Errorf("beside another one: got %v, %v; want %v", second, err, syscall.EADDRINUSE)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first one does not listen any more: %v", err)
	}
	if err := errors.Join(client.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if exists(t, path) {
		t.Error("the file exists after Close")
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close: got %v, want %v", err, net.ErrClosed)
	}
}

// A process that starts while another one does must not take the socket of the other.
func TestOneOfTwoListenersGetsAStaleUnixSocket(t *testing.T) {
	patient := options
	patient.patience = testkit.Timeout
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		stale(t, path)
		var listeners [4]*Listener
		var errs [4]error
		var all sync.WaitGroup
		for i := range listeners {
			all.Go(func() { listeners[i], errs[i] = Listen("unix:"+path, patient) })
		}
		all.Wait()
		listen := 0
		for i, l := range listeners {
			if l == nil {
				if !errors.Is(errs[i], syscall.EADDRINUSE) {
					t.Errorf("got %v, want %v", errs[i], syscall.EADDRINUSE)
				}
				continue
			}
			listen++
			defer l.Close()
		}
		if listen != 1 {
			t.Fatalf("%d listen, want 1", listen)
		}
	}
}

// While another process has locked the directory, even together with others, no socket is opened.
func TestAnotherProcessThatOpensASocketIsWaitedFor(t *testing.T) {
	directory, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer directory.Close()
	if err := unix.Flock(int(directory.Fd()), unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory.Name(), "s")
	stale(t, path)
	impatient := options
	impatient.patience = time.Nanosecond
	if l, err := Listen("unix:"+path, impatient); l != nil || !errors.Is(err, unix.EWOULDBLOCK) || !strings.Contains(err.Error(), "lock the directory "+directory.Name()) {
		t.Fatalf("got %v, %v; want an error about the lock", l, err)
	}
	if err := unix.Flock(int(directory.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	l, err := Listen("unix:"+path, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOtherFilesAreNotReplaced(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "file")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(directory, "link")
	stale(t, filepath.Join(directory, "s"))
	if err := os.Symlink("s", link); err != nil {
		t.Fatal(err)
	}
	for _, each := range []string{path, link} {
		if l, err := Listen("unix:"+each, options); l != nil || err == nil || !strings.Contains(err.Error(), "not a socket") {
			t.Errorf("%s: got %v, %v; want an error", each, l, err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("got %q, %v; want the file unchanged", text, err)
	}
	if l, err := Listen("unix:"+directory+"/none/s", options); l != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v; want an error of the directory", l, err)
	}
}

// Close removes only the file of its own socket.
func TestAReplacedUnixSocketIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:"+path, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	stale(t, path)
	if err := l.Close(); err != nil || !exists(t, path) {
		t.Errorf("got %v, and the file exists: %v; want it kept", err, exists(t, path))
	}
}

// A Unix socket has the same limits of memory in the kernel as one of TCP, and goes into the loop without a copy of its addresses.
func TestAnAcceptedUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:"+path, options)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	acceptor, err := NewAcceptor(l)
	if err != nil {
		t.Fatal(err)
	}
	defer acceptor.Close()
	for _, waits := range []bool{false, true} {
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		a, err := acceptor.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if a.Peer.IsValid() {
			t.Errorf("got the peer %v, want none", a.Peer)
		}
		if got := option(t, a.fd, unix.SOL_SOCKET, unix.SO_SNDBUF); got != 2*options.SendBuffer {
			t.Errorf("SO_SNDBUF: got %d, want %d", got, 2*options.SendBuffer)
		}
		var s *Socket
		if !waits {
			s, err = a.Socket()
		} else {
			var c Conn
			if c, err = a.Conn(); err == nil {
				s, err = FromConn(c, a.Peer)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(s.Hash())
		if got := s.RemoteAddr(); got.String() != "unix" || got.Network() != "unix" || s.LocalAddr() != nil {
			t.Errorf("got the addresses %v and %v, want unix alone", got, s.LocalAddr())
		}
		if err := LimitUnacknowledged(s, 1000); err != nil {
			t.Error(err)
		}
	}
}
