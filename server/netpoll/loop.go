//go:build unix

// Package netpoll wraps nbio, an edge-triggered event loop (epoll, kqueue). Each poller is one goroutine that reads from a share of the
// sockets. The package adds calls to a chosen poller, accepting, sending and ending without blocking, and workarounds for faults of nbio.
// It is the only package that imports nbio, and it knows nothing of WebSocket.
package netpoll

import (
	"errors"
	"fmt"
	"sync"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
)

// Socket is a connection of the loop. It is an alias of nbio's type, because a wrapper would cost memory. Use its descriptor only under the
// socket's lock and while the socket is open: the descriptor of a closed socket may already belong to another client.
type Socket = nbio.Conn

// Config is the settings of a Loop.
type Config struct {
	Pollers    int // goroutines
	OpenFiles  int // descriptors below this number may be added; 0 for nbio's default
	ReadBuffer int // bytes; each poller has one buffer
	MaxQueued  int // bytes that Socket.Write may leave in the queue of a socket; more than that closes the socket
}

// Events are the callbacks of a Loop. None of them may block.
type Events struct {
	// Readable is called on the socket's poller when bytes have come, or when the peer has ended its side. Read until EAGAIN.
	Readable func(*Socket)
	// Written is called when the queue of Socket.Write has become empty, under the socket's lock: on the poller, or within Write (SendOrWatch).
	// It may be nil.
	Written func(*Socket)
	// Closed is called once for each socket that was passed to Add, on one goroutine for all.
	Closed func(*Socket, error)
	// Woken is called on a poller after Wake, with the number of the poller.
	Woken func(poller int)
}

// Loop is a set of pollers.
type Loop struct {
	engine  *nbio.Engine
	pollers int
	files   int
	closed  func(*Socket, error)
	woken   func(poller int)
	wakeups []*wakeup
}

// New returns a loop that does not run.
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
	return &Loop{engine: engine, pollers: cfg.Pollers, files: cfg.OpenFiles, closed: on.Closed, woken: on.Woken}
}

// starting guards nbio's settings, which are global, while an engine that starts reads them.
var starting sync.Mutex

// Start starts the pollers and returns when all of them run. Several loops of one process may start at the same time.
func (l *Loop) Start() error {
	starting.Lock()
	defer starting.Unlock()
	if l.files > 0 {
		nbio.MaxOpenFiles = l.files
	}
	l.files = nbio.MaxOpenFiles
	logging.SetLevel(logging.LevelNone) // nbio logs to standard output
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

// Stop closes all open sockets, waits for every callback, and ends the pollers. Do not call Wake after it, and do not call it twice (nbio
// panics).
func (l *Loop) Stop() error {
	l.engine.Stop()
	var err error
	for _, w := range l.wakeups {
		err = errors.Join(err, w.close())
	}
	return err
}

// Add adds a socket to the loop. s.Session returns owner from then on. On an error the socket is closed, and Closed follows as for every
// socket.
func (l *Loop) Add(s *Socket, owner any) error {
	// The race detector does not see nbio's handover to the poller, but it sees this lock.
	s.Lock()
	s.SetSession(owner)
	s.Unlock()
	if fd := s.Hash(); fd >= l.files {
		// nbio closes it, too, but without Closed, which it calls after other errors.
		err := errors.Join(fmt.Errorf("the descriptor is %d: the loop takes those below %d", fd, l.files), s.Close())
		l.engine.Async(func() { l.closed(s, err) })
		return err
	}
	_, err := l.engine.AddConn(s)
	return err
}

// Poller returns the number of the poller of a socket.
func (l *Loop) Poller(s *Socket) int { return s.Hash() % l.pollers }

// Buffer returns the read buffer of the poller of a socket. Called on that poller.
func (l *Loop) Buffer(s *Socket) []byte { return l.engine.PollerBuffer(s) }

// Wake makes a poller call Woken, once for all calls that come before it does. Any goroutine may call Wake; it does not block.
func (l *Loop) Wake(poller int) error { return l.wakeups[poller].wake() }
