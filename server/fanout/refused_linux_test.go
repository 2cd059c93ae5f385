package fanout

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A socket that the loop cannot take (here its descriptor is a file, which epoll refuses; in production the kernel is out of watches) is closed,
// and OnClosed is called once.
func TestASocketThatTheLoopRefusesIsClosedOnce(t *testing.T) {
	e := newTestEngine(Config{MaxUnsent: 1 << 20})
	if err := e.Start(0, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	ours, theirs := tcpPair(t)
	defer theirs.Close()
	transport := overTCP(t, ours)
	file, err := os.Create(filepath.Join(t.TempDir(), "refused"))
	if err != nil {
		t.Fatal(err)
	}
	err = syscall.Dup3(int(file.Fd()), transport.Socket().Hash(), 0)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	client := &panicClient{first: make(chan struct{})}
	e.Reserve()
	e.NewConn(&client.conn, transport, client)
	e.Wake(e.Register(&client.conn, nil, []byte("hello"), nil))
	client.expectOneClose(t, e)
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range open {
		if to, err := os.Readlink(link); err == nil && to == file.Name() {
			t.Errorf("descriptor %s is open", link)
		}
	}
}
