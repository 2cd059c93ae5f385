package edge

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
)

// A peer that resets the connection at once causes no panic: its address is only known from accept4.
func TestAPeerThatResetsAtOnceHasAnAddress(t *testing.T) {
	l, err := netpoll.Listen("127.0.0.1:0", ListenOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	acceptor, err := netpoll.NewAcceptor(l)
	if err != nil {
		t.Fatal(err)
	}
	defer acceptor.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("hello")); err != nil { // otherwise the kernel delays the accept
		t.Fatal(err)
	}
	a, err := acceptor.Accept()
	if err != nil {
		t.Fatal(err)
	}
	want := client.LocalAddr().String()
	if err := errors.Join(client.(*net.TCPConn).SetLinger(0), client.Close()); err != nil {
		t.Fatal(err)
	}
	tcp, err := a.Conn()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reset", func() (reset bool) {
		if err := raw.Control(func(fd uintptr) { _, err = unix.Getpeername(int(fd)); reset = err != nil }); err != nil {
			t.Fatal(err)
		}
		return reset
	})
	c := &PendingConn{Conn: tcp, remote: a.Peer}
	if got := c.RemoteAddr().String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	nc, err := netpoll.FromConn(tcp, a.Peer)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(nc.Hash())
	if got := (&fanout.Conn{Transport: netpoll.OverTCP(nc), Handler: &plain.Client{}}).Address(); got != want || fanout.PeerOf(nc) != a.Peer.Addr() {
		t.Errorf("got %q, want %s", got, want)
	}
}
