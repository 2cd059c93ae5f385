package netpoll

import (
	"io"
	"testing"
	"time"

	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/testkit"
)

// A socket that the loop does not take is closed, and Closed is called once.
func TestASocketThatIsNotAddedIsClosed(t *testing.T) {
	const files = 1000
	old := nbio.MaxOpenFiles
	defer func() { nbio.MaxOpenFiles = old }()
	closed := make(chan error, 10)
	l := New(Config{Pollers: 1, OpenFiles: files}, Events{
		Readable: func(*Socket) {}, Closed: func(_ *Socket, err error) { closed <- err }, Woken: func(int) {},
	})
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	a, client := acceptOne(t, "127.0.0.1:0")
	fd, err := unix.FcntlInt(uintptr(a.fd), unix.F_DUPFD_CLOEXEC, files)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(a.fd); err != nil {
		t.Fatal(err)
	}
	s, err := Accepted{fd: fd, Peer: a.Peer}.Socket()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(s, t); err == nil {
		t.Error("no error for a descriptor that is too high")
	}
	if err := client.SetDeadline(time.Now().Add(testkit.Timeout)); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); n > 0 || err == nil || isTimeout(err) {
		t.Errorf("the connection is open: %d bytes, %v", n, err)
	}
	select {
	case err := <-closed:
		if err == nil {
			t.Error("Closed has no error")
		}
	case <-time.After(testkit.Timeout):
		t.Error("got no Closed")
	}
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	if len(closed) > 0 {
		t.Error("Closed was called twice")
	}
}

func isTimeout(err error) bool {
	e, ok := err.(interface{ Timeout() bool })
	return ok && e.Timeout() && err != io.EOF
}
