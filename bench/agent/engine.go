package agent

import (
	"context"
	"runtime"
	"sync"

	"github.com/throng-chat/throng/server/netpoll"
)

// engine is nbio's loop with our pollers on it, and the connections by their numbers.
type engine struct {
	loop    *netpoll.Loop
	pollers []*poller

	lagMu sync.Mutex
	woken int64 // when the wakers were to be called last

	mu     sync.Mutex
	conns  []*conn // this agent's, by number; nil for those that are not open
	agents int
}

// newEngine starts the pollers.
func newEngine(pollers []*poller, connections, agents int) (*engine, error) {
	e := &engine{pollers: pollers, conns: make([]*conn, connections), agents: agents}
	// A poller that waits in the kernel keeps its processor, in Go's sense, until the runtime's monitor takes it away. The
	// sender must not wait for that.
	if want := len(pollers) + 2; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
	e.loop = netpoll.New(netpoll.Config{Pollers: len(pollers), ReadBuffer: readBuffer, MaxQueued: maxUnsent}, netpoll.Events{
		Readable: func(s *netpoll.Socket) {
			if c, ok := s.Session().(*conn); ok {
				e.pollerOf(s).onRead(c, e.loop.Buffer(s))
			}
		},
		Closed: func(s *netpoll.Socket, err error) {
			if c, ok := s.Session().(*conn); ok {
				e.pollerOf(s).onClose(c, err)
			}
		},
		Woken: func(poller int) { e.lag(pollers[poller]) },
	})
	if err := e.loop.Start(); err != nil {
		return nil, err
	}
	return e, nil
}

// wake asks each poller to come, which was to happen at the moment due; how late it comes is its lag.
func (e *engine) wake(due int64) error {
	e.lagMu.Lock()
	e.woken = due
	e.lagMu.Unlock()
	for i := range e.pollers {
		if err := e.loop.Wake(i); err != nil {
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
	// The loop hides its hand-over from the race detector; the poller's lock does not.
	c.poller.mu.Lock()
	c.state = opening
	c.poller.mu.Unlock()
}

func (e *engine) pollerOf(s *netpoll.Socket) *poller { return e.pollers[e.loop.Poller(s)] }

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
	return e.loop.Stop()
}
