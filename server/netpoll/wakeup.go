//go:build unix

package netpoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
)

// wakeup calls a function on one of nbio's pollers, for which nbio has no call of its own: a socket pair whose one end the poller reads.
type wakeup struct {
	nc      *nbio.Conn // the end that the poller reads
	fd      int        // the end that wakes it
	call    func()
	woken   atomic.Bool
	running chan struct{} // closed when the poller has been here once
	once    sync.Once
}

// startLimit is how long a poller may take to start: it is one goroutine that has nothing else to do.
const startLimit = 30 * time.Second

// newWakeup makes one of the given poller, one of pollers, of an engine that was started; call will run on that poller.
//
// It waits until the poller runs. nbio needs that: a Stop that comes before its pollers have begun is forgotten by them, and
// never returns.
func newWakeup(engine *nbio.Engine, poller, pollers int, call func()) (*wakeup, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	w := &wakeup{fd: pair[0], call: call, running: make(chan struct{})}
	if err := w.enter(engine, pair[1], poller, pollers); err != nil {
		return nil, errors.Join(fmt.Errorf("wake-up socket: %w", err), w.close())
	}
	if err := w.wake(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	select {
	case <-w.running:
		return w, nil
	case <-time.After(startLimit):
		return nil, errors.Join(fmt.Errorf("poller %d did not start in %v", poller, startLimit), w.close())
	}
}

// enter gives fd to the poller. nbio chooses a poller by the descriptor's number: copies are made until one has the right
// number.
func (w *wakeup) enter(engine *nbio.Engine, fd, poller, pollers int) (err error) {
	file := os.NewFile(uintptr(fd), "wake")
	var wrong []*nbio.Conn
	defer func() {
		for _, nc := range wrong {
			err = errors.Join(err, nc.Close())
		}
		err = errors.Join(err, file.Close())
	}()
	if err := syscall.SetNonblock(w.fd, true); err != nil {
		return err
	}
	for w.nc == nil {
		std, err := net.FileConn(file)
		if err != nil {
			return err
		}
		nc, err := nbio.NBConn(std)
		if err != nil {
			return errors.Join(err, std.Close())
		}
		if nc.Hash()%pollers == poller {
			w.nc = nc
		} else {
			wrong = append(wrong, nc)
		}
	}
	w.nc.SetSession(w)
	w.woken.Store(false) // orders the above before OnRead, where nbio hides it from the race detector
	_, err = engine.AddConn(w.nc)
	return err
}

// wake makes the poller run the function soon, once for however many calls come before it does. Any goroutine may call it; it
// does not block.
func (w *wakeup) wake() error {
	if w.woken.Swap(true) {
		return nil
	}
	for {
		_, err := syscall.Write(w.fd, []byte{1})
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil && !errors.Is(err, syscall.EAGAIN):
			return fmt.Errorf("wake a poller: %w", err)
		}
		return nil
	}
}

// onRead is called on the poller.
func (w *wakeup) onRead() {
	w.woken.Load()
	var drain [16]byte
	for {
		if n, err := w.nc.Read(drain[:]); n < len(drain) || err != nil {
			break
		}
	}
	w.once.Do(func() { close(w.running) })
	w.woken.Store(false)
	w.call()
}

// close frees the waking end; the engine's Stop closes the other. wake must not be called any more.
func (w *wakeup) close() error { return syscall.Close(w.fd) }
