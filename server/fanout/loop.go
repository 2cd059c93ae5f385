package fanout

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
	ReadBuffer   = 16 << 10 // of a poller, shared by its connections
	readsPerTurn = 64       // of one connection before the others of its poller have theirs
)

// loop is the epoll (kqueue) loop under the connections. Each of its pollers is one goroutine that reads from a share of the sockets
// and hands the bytes to their conns; nothing that runs on it may block.
type loop struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	clock   *clock
	sockets *netpoll.Loop
	Pollers []*Poller
	panics  rate.Sometimes
	probed  time.Time // owned by the heartbeat

	Received atomic.Uint64 // bytes
}

// newLoop starts the pollers. Several servers of a process may start at the same time.
func newLoop(pollers int, openFiles int, e *Engine) (*loop, error) {
	l := &loop{
		log:     e.Log,
		metrics: e.Metrics,
		clock:   e.Clock,
		panics:  logqueue.EverySecond(),
	}
	for i := range pollers {
		l.Pollers = append(l.Pollers, &Poller{loop: l, number: i})
	}
	l.sockets = netpoll.New(netpoll.Config{
		Pollers:    pollers,
		OpenFiles:  openFiles,
		ReadBuffer: ReadBuffer,
		// Only sentinels go through the loop's own write queue: this is a fence.
		MaxQueued: 64 << 10,
	}, netpoll.Events{
		Readable: l.onReadable,
		Written:  onWritten,
		Closed:   onClosed,
		Woken:    func(poller int) { l.Pollers[poller].onWake() },
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
func (l *loop) add(c *Conn) error { return l.sockets.Add(c.Nc, c) }

// onReadable is called on the poller when a socket has bytes. What it reads is on loan until it returns.
func (l *loop) onReadable(s *netpoll.Socket) {
	if c, ok := s.Session().(*Conn); ok {
		l.Read(c)
	}
}

func (l *loop) Read(c *Conn) { l.Contain(c, func() { l.readFrom(c) }) }

// Contain calls f. A fault of our own code costs the connection at hand, not the process.
func (l *loop) Contain(c *Conn, f func()) {
	defer func() {
		if e := recover(); e != nil {
			l.metrics.Panics.Inc()
			l.panics.Do(func() {
				l.log.Error("panic on the loop", "error", e, "stack", string(debug.Stack()))
			})
			if c != nil {
				c.Cut(ClosedPanic)
			}
		}
	}()
	f()
}

func (l *loop) readFrom(c *Conn) {
	// Loaded first: this orders everything that was stored before the socket came to the loop.
	if tick := uint32(l.clock.Tick()); c.Seen.Load() != tick {
		c.Seen.Store(tick)
	}
	now := l.clock.Now()
	buf := l.sockets.Buffer(c.Nc)
	for reads := 0; ; reads++ {
		if c.Is(Held) && !c.Closing() {
			return // whoever holds it back reads on
		}
		over := c.overBytes(now)
		enough := reads >= readsPerTurn || (over || c.congested()) && !c.Closing()
		if enough && !netpoll.HungUp(c.Nc) {
			if p := l.PollerOf(c); over && !c.Closing() {
				p.Pace(c)
			} else {
				p.later(c)
			}
			return
		}
		n, err := c.Nc.Read(buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil || n == 0:
			if cause := netpoll.End(c.Nc); cause != nil && !errors.Is(cause, net.ErrClosed) {
				l.log.Debug("end socket", "conn", c.Id, "error", cause)
			}
			return
		}
		c.OnData(buf[:n], now)
		if n < len(buf) {
			return
		}
	}
}

// onWritten is called when a sentinel has been written: on the poller or within shard.arm, and under the connection's own
// lock, so it only leaves a note.
func onWritten(s *netpoll.Socket) {
	if c, ok := s.Session().(*Conn); ok {
		c.Set(ready)
		c.Shard.anyReady.Store(true)
		c.Shard.Wake()
	}
}

// onClosed is called on the loop's one closer goroutine, once for each socket that was added.
func onClosed(s *netpoll.Socket, _ error) {
	if c, ok := s.Session().(*Conn); ok {
		c.Handler.OnGone()
	}
}

func (l *loop) PollerOf(c *Conn) *Poller { return l.Pollers[l.sockets.Poller(c.Nc)] }

func (l *loop) wakeAll() {
	for _, p := range l.Pollers {
		p.wake()
	}
}

// probe measures, once a second, how long each poller takes to answer. Called on the heartbeat.
func (l *loop) probe(now time.Time) {
	if now.Sub(l.probed) < time.Second {
		return
	}
	l.probed = now
	for _, p := range l.Pollers {
		p.probed.Store(now.UnixNano())
		p.wake()
	}
}

// Poller is what we keep of one of the loop's: connections to read from when no event of theirs would make it.
type Poller struct {
	loop   *loop
	number int
	probed atomic.Int64 // unix nanoseconds of a probe not yet answered; 0 for none

	// Owned by the poller.
	waiting []*Conn
	spare   []*Conn
	pacing  []*Conn // until their rate of bytes allows

	sparePacing []*Conn

	paced   atomic.Bool // pacing is not empty
	paceDue atomic.Bool // the heartbeat has ticked since pacing was looked through

	mu     sync.Mutex // a leaf
	posted []func()
}

// Post has f called on the poller, in the order of the posts. Any goroutine may call it; it does not block.
func (p *Poller) Post(f func()) {
	p.mu.Lock()
	p.posted = append(p.posted, f)
	p.mu.Unlock()
	p.wake()
}

// runPosted calls what was posted. A fault of our own code costs what was posted.
func (p *Poller) runPosted() {
	p.mu.Lock()
	posted := p.posted
	p.posted = nil
	p.mu.Unlock()
	for _, f := range posted {
		p.loop.Contain(nil, f)
	}
}

// later puts c on the list of connections to read from when the poller has dealt with the others, or, where its room is
// behind, when that has caught up. Called on the poller.
func (p *Poller) later(c *Conn) {
	if !c.waiting {
		c.waiting = true
		p.waiting = append(p.waiting, c)
	}
	if a := c.Handler.PublishesTo(); a != nil && a.Congested() {
		p.loop.metrics.Pauses.Inc()
		a.paused.Store(true)
		// It may have caught up before it saw that somebody waits.
		if a.Congested() {
			return
		}
	}
	p.wake()
}

func (p *Poller) wake() {
	if err := p.loop.sockets.Wake(p.number); err != nil {
		p.loop.log.Error("a poller sleeps on", "error", err)
	}
}

// onWake is called on the poller.
func (p *Poller) onWake() {
	if at := p.probed.Swap(0); at != 0 {
		p.loop.metrics.LoopLag.Observe(time.Since(time.Unix(0, at)).Seconds())
	}
	p.runPosted()
	if p.paceDue.Swap(false) {
		p.readPaced(p.loop.clock.Now())
	}
	list := p.waiting
	p.waiting = p.spare[:0]
	for i, c := range list {
		list[i] = nil
		c.waiting = false
		p.loop.Read(c)
	}
	p.spare = list[:0]
}
