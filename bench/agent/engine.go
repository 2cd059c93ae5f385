package agent

import (
	"context"
	"runtime"
	"sync"

	"github.com/throng-chat/throng/server/netpoll"
)

// engine is nbio's loop with our pollers, and the connections by number.
type engine struct {
	loop    *netpoll.Loop
	pollers []*poller

	lagMu sync.Mutex
	woken int64 // the time at which the wakers were due last

	mu     sync.Mutex
	conns  []*conn // this agent's connections by number; nil if not open
	agents int
}

// newEngine starts the loop with one goroutine per poller.
func newEngine(pollers []*poller, connections, agents int) (*engine, error) {
	e := &engine{pollers: pollers, conns: make([]*conn, connections), agents: agents}
	// A poller that waits in the kernel keeps its Go processor until the runtime's monitor takes it away. With too few processors the
	// sender would wait for that.
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

// wake wakes each poller. The wake-up was due at the time due; the delay until it runs is the poller's lag.
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

// lag records the delay of a wake-up, on p's goroutine.
func (e *engine) lag(p *poller) {
	e.lagMu.Lock()
	woken := e.woken
	e.lagMu.Unlock()
	if woken == 0 {
		return // to find out whether nbio has delivered it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loopLag.Record(Now() - woken)
}

// add registers connection i with its poller, before the loop can read it.
func (e *engine) add(c *conn) {
	c.poller = e.pollerOf(c.nc)
	e.mu.Lock()
	e.conns[int(c.member.connection)/e.agents] = c
	e.mu.Unlock()
	// The race detector does not see the loop's hand-over. It sees the poller's lock.
	c.poller.mu.Lock()
	c.state = opening
	c.poller.mu.Unlock()
}

func (e *engine) pollerOf(s *netpoll.Socket) *poller { return e.pollers[e.loop.Poller(s)] }

// forget drops a connection that did not open. It returns false if the connection has opened in the meantime.
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

// conn returns connection i, which must be one of this agent's. It returns nil if the connection did not open.
func (e *engine) conn(i int) *conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.conns[i/e.agents]
}

// all returns the connections that have opened, including those that have ended since.
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

// stop closes the connections with a close frame and ends the pollers.
func (e *engine) stop() error {
	for _, p := range e.pollers {
		p.mu.Lock()
		p.finished = true
		p.mu.Unlock()
	}
	for _, c := range e.all() {
		_ = writeNow(c, closeFrame) // an error means that the connection has ended
	}
	// The server's close frames end the connections. The engine closes the rest.
	wait(context.Background(), closeTimeout, func() bool {
		for _, c := range e.all() {
			if is := c.is(); is == open || is == closing {
				return false
			}
		}
		return true
	})
	return e.loop.Stop()
}
