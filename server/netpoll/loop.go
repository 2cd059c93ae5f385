//go:build unix

// Package netpoll is nbio as throng uses it: an edge-triggered epoll (kqueue) loop whose pollers, one goroutine each, read from a share
// of the sockets; calls on a chosen poller; accepting, sending and ending a socket without blocking; and what works around faults of
// nbio. It is the only package that imports nbio, and knows nothing of WebSocket.
package netpoll

import (
	"errors"
	"fmt"
	"sync"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
)

// Socket is a connection of the loop. It is nbio's own type: an alias costs no memory. A descriptor is used only under the socket's
// lock, and only while the socket is open: the number of a closed one may already be another client's.
type Socket = nbio.Conn

// Config is how a Loop reads.
type Config struct {
	Pollers    int // goroutines
	OpenFiles  int // the descriptors that may be added are below this number; 0 for nbio's default
	ReadBuffer int // bytes of one read; one buffer for each poller
	MaxQueued  int // bytes that Socket.Write may leave in the queue of a socket; more closes it
}

// Events are what a Loop calls. None of them may block.
type Events struct {
	// Readable is called on the socket's poller when bytes have come, or the peer has ended: read until EAGAIN.
	Readable func(*Socket)
	// Written is called when the queue of Socket.Write has become empty, under the socket's lock: on the poller, or within Write. It may
	// be nil.
	Written func(*Socket)
	// Closed is called once for each socket that was added, on one goroutine for all.
	Closed func(*Socket, error)
	// Woken is called on a poller, by its number, soon after Wake.
	Woken func(poller int)
}

// Loop is the pollers.
type Loop struct {
	engine  *nbio.Engine
	pollers int
	files   int
	woken   func(poller int)
	wakeups []*wakeup
}

// New makes a loop that does not run yet.
func New(cfg Config, on Events) *Loop {
	engine := nbio.NewEngine(nbio.Config{
		NPoller:            cfg.Pollers,
		ReadBufferSize:     cfg.ReadBuffer,
		MaxWriteBufferSize: cfg.MaxQueued,
		EpollMod:           nbio.EPOLLET, // a socket that is not read from does not spin the poller
	})
	engine.OnRead(func(s *Socket) {
		if w, ok := s.Session().(*wakeup); ok {
			w.onRead()
			return
		}
		on.Readable(s)
	})
	if on.Written != nil {
		engine.OnWrittenSize(func(s *Socket, _ []byte, _ int) { on.Written(s) })
	}
	engine.OnClose(func(s *Socket, err error) {
		if _, ok := s.Session().(*wakeup); !ok {
			on.Closed(s, err)
		}
	})
	return &Loop{engine: engine, pollers: cfg.Pollers, files: cfg.OpenFiles, woken: on.Woken}
}

// starting guards nbio's settings, which are the process's, while an engine that starts reads them.
var starting sync.Mutex

// Start starts the pollers, and returns when all of them run. Several loops of a process may start at the same time.
func (l *Loop) Start() error {
	starting.Lock()
	defer starting.Unlock()
	if l.files > 0 {
		nbio.MaxOpenFiles = l.files
	}
	logging.SetLevel(logging.LevelNone) // it would write to standard output
	if err := l.engine.Start(); err != nil {
		return fmt.Errorf("start the loop: %w", err)
	}
	for i := range l.pollers {
		w, err := newWakeup(l.engine, i, l.pollers, func() { l.woken(i) })
		if err != nil {
			return fmt.Errorf("start the loop: %w", err)
		}
		l.wakeups = append(l.wakeups, w)
	}
	return nil
}

// Stop closes what is still open, waits for every callback, and ends the pollers. Wake must not be called any more. Not to be called
// twice (nbio panics).
func (l *Loop) Stop() error {
	l.engine.Stop()
	var err error
	for _, w := range l.wakeups {
		err = errors.Join(err, w.close())
	}
	return err
}

// Add hands a socket to the loop. owner is what s.Session returns from then on. Closed will be called once, unless there is an error.
func (l *Loop) Add(s *Socket, owner any) error {
	// nbio hides its hand-over from the race detector; its lock does not.
	s.Lock()
	s.SetSession(owner)
	s.Unlock()
	_, err := l.engine.AddConn(s)
	return err
}

// Poller is the number of a socket's poller.
func (l *Loop) Poller(s *Socket) int { return s.Hash() % l.pollers }

// Buffer is the one that the poller of a socket reads into. Called on that poller.
func (l *Loop) Buffer(s *Socket) []byte { return l.engine.PollerBuffer(s) }

// Wake has Woken called on a poller soon, once for however many calls come before that. Any goroutine may call it; it does not block.
func (l *Loop) Wake(poller int) error { return l.wakeups[poller].wake() }
