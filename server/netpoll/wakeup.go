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

// wakeup calls a function on one of nbio's pollers, for which nbio has no call: a socket pair, of which the poller reads one end.
type wakeup struct {
	nc      *nbio.Conn // the end that the poller reads
	fd      int        // the end that wakes it
	call    func()
	woken   atomic.Bool
	running chan struct{} // closed after the first call on the poller
	once    sync.Once
}

// startLimit is the time that a poller has to start.
const startLimit = 30 * time.Second

// newWakeup returns a wakeup of a poller of an engine that was started. pollers is their number. call will run on that poller. newWakeup
// waits until the poller runs, since nbio's Stop never returns if it is called before its pollers have begun.
func newWakeup(engine *nbio.Engine, poller, pollers int, call func()) (*wakeup, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	w := &wakeup{fd: pair[0], call: call, running: make(chan struct{})}
	if err := w.addToPoller(engine, pair[1], poller, pollers); err != nil {
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

// addToPoller adds fd to the poller. nbio chooses a poller by the number of the descriptor, so fd is duplicated until the number fits.
func (w *wakeup) addToPoller(engine *nbio.Engine, fd, poller, pollers int) (err error) {
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
	w.woken.Store(false) // orders the lines above before onRead; the race detector does not see nbio
	_, err = engine.AddConn(w.nc)
	return err
}

// wake makes the poller call the function, once for all calls that come before it does. Any goroutine may call wake; it does not block.
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

// close closes the waking end; Stop of the engine closes the other. wake must not be called after it.
func (w *wakeup) close() error { return syscall.Close(w.fd) }
