package server

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
)

// A peer that resets the connection at once causes no panic: its address is only known from accept4.
func TestAPeerThatResetsAtOnceHasAnAddress(t *testing.T) {
	l, err := netpoll.Listen("127.0.0.1:0", edge.ListenOptions)
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
	tcp, err := a.TCP()
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
	c := &edge.PendingConn{TCPConn: tcp, Remote: a.Peer}
	if got := c.RemoteAddr().String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	nc, err := netpoll.FromTCP(tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(nc.Hash())
	if got := (&fanout.Conn{Transport: netpoll.OverTCP(nc), Handler: &plain.Client{}}).Address(); got != "" || fanout.PeerOf(nc).IsValid() {
		t.Errorf("got %q, want none", got)
	}
}

// After the acceptor is closed, the port is free.
func TestAClosedAcceptorFreesThePort(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	address := s.Addr().String()
	if resp, _ := ask(t, address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s", resp.Status)
	}
	if err := s.acceptor.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the port to be free", func() bool {
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
}
