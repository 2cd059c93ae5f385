package server

import (
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
)

const (
	readBuffer   = 16 << 10 // of a poller, shared by its connections
	readsPerTurn = 64       // of one connection before the others of its poller have theirs
)

// loop is the epoll (kqueue) loop under the connections. Each of its pollers is one goroutine that reads from a share of the sockets
// and hands the bytes to their conns; nothing that runs on it may block.
type loop struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	clock   *clock
	sockets *netpoll.Loop
	pollers []*poller
	panics  rate.Sometimes
	probed  time.Time // owned by the heartbeat

	received atomic.Uint64 // bytes
}

// newLoop starts the pollers. Several servers of a process may start at the same time.
func newLoop(pollers int, openFiles int, e *engine) (*loop, error) {
	l := &loop{
		log:     e.log,
		metrics: e.metrics,
		clock:   e.clock,
		panics:  logqueue.EverySecond(),
	}
	for i := range pollers {
		l.pollers = append(l.pollers, &poller{loop: l, number: i})
	}
	l.sockets = netpoll.New(netpoll.Config{
		Pollers:    pollers,
		OpenFiles:  openFiles,
		ReadBuffer: readBuffer,
		// Only sentinels go through the loop's own write queue: this is a fence.
		MaxQueued: 64 << 10,
	}, netpoll.Events{
		Readable: l.onReadable,
		Written:  onWritten,
		Closed:   onClosed,
		Woken:    func(poller int) { l.pollers[poller].onWake() },
	})
	if err := l.sockets.Start(); err != nil {
		return nil, err
	}
	return l, nil
}

// stop ends the pollers and waits for every callback. It closes what is still open. Not to be called twice.
func (l *loop) stop() {
	if err := l.sockets.Stop(); err != nil {
		l.log.Debug("close a wake-up socket", "error", err)
	}
}

// add hands a socket to the loop. From here on its poller reads from it, and onClosed will be called once.
func (l *loop) add(c *conn) error { return l.sockets.Add(c.nc, c) }

// onReadable is called on the poller when a socket has bytes. What it reads is on loan until it returns.
func (l *loop) onReadable(s *netpoll.Socket) {
	if c, ok := s.Session().(*conn); ok {
		l.read(c)
	}
}

func (l *loop) read(c *conn) { l.contain(c, func() { l.readFrom(c) }) }

// contain calls f. A fault of our own code costs the connection at hand, not the process.
func (l *loop) contain(c *conn, f func()) {
	defer func() {
		if e := recover(); e != nil {
			l.metrics.Panics.Inc()
			l.panics.Do(func() {
				l.log.Error("panic on the loop", "error", e, "stack", string(debug.Stack()))
			})
			if c != nil {
				c.cut(closedPanic)
			}
		}
	}()
	f()
}

func (l *loop) readFrom(c *conn) {
	// Loaded first: this orders everything that was stored before the socket came to the loop.
	if tick := uint32(l.clock.tick()); c.seen.Load() != tick {
		c.seen.Store(tick)
	}
	now := l.clock.now()
	buf := l.sockets.Buffer(c.nc)
	for reads := 0; ; reads++ {
		if c.is(held) && !c.closing() {
			return // whoever holds it back reads on
		}
		over := c.overBytes(now)
		enough := reads >= readsPerTurn || (over || c.congested()) && !c.closing()
		if enough && !netpoll.HungUp(c.nc) {
			if p := l.pollerOf(c); over && !c.closing() {
				p.pace(c)
			} else {
				p.later(c)
			}
			return
		}
		n, err := c.nc.Read(buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil || n == 0:
			if cause := netpoll.End(c.nc); cause != nil && !errors.Is(cause, net.ErrClosed) {
				l.log.Debug("end socket", "conn", c.id, "error", cause)
			}
			return
		}
		c.onData(buf[:n], now)
		if n < len(buf) {
			return
		}
	}
}

// onWritten is called when a sentinel has been written: on the poller or within shard.arm, and under the connection's own
// lock, so it only leaves a note.
func onWritten(s *netpoll.Socket) {
	if c, ok := s.Session().(*conn); ok {
		c.set(ready)
		c.shard.anyReady.Store(true)
		c.shard.wake()
	}
}

// onClosed is called on the loop's one closer goroutine, once for each socket that was added.
func onClosed(s *netpoll.Socket, _ error) {
	if c, ok := s.Session().(*conn); ok {
		c.handler.onGone()
	}
}

func (l *loop) pollerOf(c *conn) *poller { return l.pollers[l.sockets.Poller(c.nc)] }

func (l *loop) wakeAll() {
	for _, p := range l.pollers {
		p.wake()
	}
}

// probe measures, once a second, how long each poller takes to answer. Called on the heartbeat.
func (l *loop) probe(now time.Time) {
	if now.Sub(l.probed) < time.Second {
		return
	}
	l.probed = now
	for _, p := range l.pollers {
		p.probed.Store(now.UnixNano())
		p.wake()
	}
}

// poller is what we keep of one of the loop's: connections to read from when no event of theirs would make it.
type poller struct {
	loop   *loop
	number int
	probed atomic.Int64 // unix nanoseconds of a probe not yet answered; 0 for none

	// Owned by the poller.
	waiting []*conn
	spare   []*conn
	pacing  []*conn // until their rate of bytes allows

	sparePacing []*conn

	paced   atomic.Bool // pacing is not empty
	paceDue atomic.Bool // the heartbeat has ticked since pacing was looked through

	mu     sync.Mutex // a leaf
	posted []func()
}

// post has f called on the poller, in the order of the posts. Any goroutine may call it; it does not block.
func (p *poller) post(f func()) {
	p.mu.Lock()
	p.posted = append(p.posted, f)
	p.mu.Unlock()
	p.wake()
}

// runPosted calls what was posted. A fault of our own code costs what was posted.
func (p *poller) runPosted() {
	p.mu.Lock()
	posted := p.posted
	p.posted = nil
	p.mu.Unlock()
	for _, f := range posted {
		p.loop.contain(nil, f)
	}
}

// later puts c on the list of connections to read from when the poller has dealt with the others, or, where its room is
// behind, when that has caught up. Called on the poller.
func (p *poller) later(c *conn) {
	if !c.waiting {
		c.waiting = true
		p.waiting = append(p.waiting, c)
	}
	if a := c.handler.publishesTo(); a != nil && a.congested() {
		p.loop.metrics.Pauses.Inc()
		a.paused.Store(true)
		// It may have caught up before it saw that somebody waits.
		if a.congested() {
			return
		}
	}
	p.wake()
}

func (p *poller) wake() {
	if err := p.loop.sockets.Wake(p.number); err != nil {
		p.loop.log.Error("a poller sleeps on", "error", err)
	}
}

// onWake is called on the poller.
func (p *poller) onWake() {
	if at := p.probed.Swap(0); at != 0 {
		p.loop.metrics.LoopLag.Observe(time.Since(time.Unix(0, at)).Seconds())
	}
	p.runPosted()
	if p.paceDue.Swap(false) {
		p.readPaced(p.loop.clock.now())
	}
	list := p.waiting
	p.waiting = p.spare[:0]
	for i, c := range list {
		list[i] = nil
		c.waiting = false
		p.loop.read(c)
	}
	p.spare = list[:0]
}
