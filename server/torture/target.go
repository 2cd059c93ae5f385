//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// target is the server under attack.
type target struct {
	cmd   *exec.Cmd
	dir   string
	chat  string // host:port of the attack; after tlsScheme if it is the TLS port
	tls   string // host:port of the TLS port; empty for none
	admin string // host:port
	gone  chan struct{}
	begin func()               // starts the measurement anew: what came before does not count
	p99   func() time.Duration // of the honest client since begin
	log   *pipe                // nil unless the attack uses it

	mu    sync.Mutex
	conns []net.Conn // closed by stop
}

// opened registers a connection, which stop closes.
func (t *target) opened(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns = append(t.conns, c)
}

func (t *target) ended() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

// stop ends the server, by SIGKILL if necessary.
func (t *target) stop() {
	for _, c := range t.conns {
		c.Close() // an error means that it is closed already
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL} {
		if t.ended() {
			break
		}
		if err := t.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			fmt.Fprintln(os.Stderr, "server:", err)
		}
		select {
		case <-t.gone:
		case <-time.After(5 * time.Second):
		}
	}
	if err := os.RemoveAll(t.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// rss returns the server's resident memory in bytes, or 0 if it has exited.
func (t *target) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// watch samples the server's memory until peak is called.
type watch struct {
	most  atomic.Int64
	first int64
	quit  chan struct{}
	done  chan struct{}
}

func (t *target) watchMemory() *watch {
	w := &watch{first: t.rss(), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			w.most.Store(max(w.most.Load(), t.rss()))
			select {
			case <-w.quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return w
}

// peak ends the watch and returns the server's largest growth in bytes.
func (w *watch) peak() int64 {
	close(w.quit)
	<-w.done
	return w.most.Load() - w.first
}
