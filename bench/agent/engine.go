package agent

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"

	"github.com/throng-chat/throng/server/waker"
)

// Limits nobody has had to change.
const (
	MaxSize       = 1 << 20     // bytes of one message
	reservedFiles = 128         // open files that are not connections
	readBuffer    = 64 << 10    // bytes of one read, shared by a poller's connections
	maxUnsent     = 1 << 20     // bytes that may wait in a publisher whose server does not read
	maxHead       = 8 << 10     // bytes of the answer to a handshake
	maxMessage    = 2 * MaxSize // bytes of one message of the server
	maxFragments  = 1024        // of one message
	shortestSleep = 250_000     // nanoseconds: what falls due sooner is sent together
	longestSleep  = 50_000_000  // nanoseconds until the sender looks whether it shall stop
	lagEvery      = 100_000_000 // nanoseconds between two looks at the pollers' lag
	smallBuffer   = 4 << 10     // bytes the kernel keeps for a reader that will stop
	goodbye       = time.Second // for a server to answer a close frame
)

// engine is nbio's loop with our pollers on it, and the connections by their numbers.
type engine struct {
	loop    *nbio.Engine
	pollers []*poller
	wakers  []*waker.Waker

	lagMu sync.Mutex
	woken int64 // when the wakers were to be called last

	mu     sync.Mutex
	conns  []*conn // this agent's, by number; nil for those that are not open
	agents int
}

// silence keeps nbio from writing to standard output. Its level is one for the whole program.
var silence = sync.OnceFunc(func() { logging.SetLevel(logging.LevelNone) })

// newEngine starts the pollers.
func newEngine(pollers []*poller, connections, agents int) (*engine, error) {
	e := &engine{pollers: pollers, conns: make([]*conn, connections), agents: agents}
	// A poller that waits in the kernel keeps its processor, in Go's sense, until the runtime's monitor takes it away. The
	// sender must not wait for that.
	if want := len(pollers) + 2; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
	silence()
	e.loop = nbio.NewEngine(nbio.Config{
		NPoller:            len(pollers),
		ReadBufferSize:     readBuffer,
		MaxWriteBufferSize: maxUnsent,
		EpollMod:           nbio.EPOLLET, // a reader that has stopped must not be told again and again
	})
	e.loop.OnRead(func(nc *nbio.Conn) {
		switch s := nc.Session().(type) {
		case *conn:
			e.pollerOf(nc).onRead(s, e.loop.PollerBuffer(nc))
		case *waker.Waker:
			s.OnRead()
		}
	})
	e.loop.OnClose(func(nc *nbio.Conn, err error) {
		if c, ok := nc.Session().(*conn); ok {
			e.pollerOf(nc).onClose(c, err)
		}
	})
	if err := e.loop.Start(); err != nil {
		return nil, fmt.Errorf("start the pollers: %w", err)
	}
	for i, p := range pollers {
		w, err := waker.New(e.loop, i, len(pollers), func() { e.lag(p) })
		if err != nil {
			return nil, fmt.Errorf("start the pollers: %w", err)
		}
		e.wakers = append(e.wakers, w)
	}
	return e, nil
}

// wake asks each poller to come, which was to happen at the moment due; how late it comes is its lag.
func (e *engine) wake(due int64) error {
	e.lagMu.Lock()
	e.woken = due
	e.lagMu.Unlock()
	for _, w := range e.wakers {
		if err := w.Wake(); err != nil {
			return err
		}
	}
	return nil
}

// lag is called on p's goroutine.
func (e *engine) lag(p *poller) {
	e.lagMu.Lock()
	woken := e.woken
	e.lagMu.Unlock()
	if woken == 0 {
		return // to see whether it runs
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loopLag.Record(Now() - woken)
}

// add makes connection i known to its poller, before the loop can read it.
func (e *engine) add(c *conn) {
	c.poller = e.pollerOf(c.nc)
	e.mu.Lock()
	e.conns[int(c.member.connection)/e.agents] = c
	e.mu.Unlock()
	// nbio hides its hand-over from the race detector; its lock and the poller's do not.
	c.poller.mu.Lock()
	c.state = opening
	c.poller.mu.Unlock()
	c.nc.Lock()
	c.nc.SetSession(c)
	c.nc.Unlock()
}

// pollerOf is nc's poller: nbio shares its connections out by their descriptors.
func (e *engine) pollerOf(nc *nbio.Conn) *poller { return e.pollers[nc.Hash()%len(e.pollers)] }

// forget drops a connection that did not open. It is false for one that has opened in the last moment.
func (e *engine) forget(c *conn) bool {
	c.poller.mu.Lock()
	opened := c.state == open
	if !opened {
		c.handshake, c.state = nil, closed
	}
	c.poller.mu.Unlock()
	if opened {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if slot := int(c.member.connection) / e.agents; e.conns[slot] == c {
		e.conns[slot] = nil
	}
	return true
}

// conn is connection i, which must be this agent's; nil where it did not open.
func (e *engine) conn(i int) *conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.conns[i/e.agents]
}

// all are the connections that opened, whatever became of them.
func (e *engine) all() []*conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*conn, 0, len(e.conns))
	for _, c := range e.conns {
		if c != nil {
			list = append(list, c)
		}
	}
	return list
}

// stop says goodbye to the server and ends the pollers.
func (e *engine) stop() error {
	for _, p := range e.pollers {
		p.mu.Lock()
		p.finished = true
		p.mu.Unlock()
	}
	for _, c := range e.all() {
		_ = writeNow(c.nc, bye) // whoever is gone needs none
	}
	// The server's answers close the connections; one that does not answer is closed by the engine.
	wait(context.Background(), goodbye, func() bool {
		for _, c := range e.all() {
			if is := c.is(); is == open || is == closing {
				return false
			}
		}
		return true
	})
	e.loop.Stop()
	var first error
	for _, w := range e.wakers {
		if err := w.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
