package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/waker"
)

// loop is nbio's epoll (kqueue) engine under the connections. Each of its pollers is one goroutine that reads from a share
// of the sockets and hands the bytes to their conns; nothing that runs on it may block.
type loop struct {
	log     *slog.Logger
	metrics *metrics
	clock   *clock
	engine  *nbio.Engine
	pollers []*poller
	panics  rate.Sometimes
	probed  time.Time // owned by the heartbeat

	received atomic.Uint64 // bytes
}

// starting guards nbio's settings, which are the process's, while an engine that starts reads them.
var starting sync.Mutex

// newLoop starts the pollers. Several servers of a process may start at the same time.
func newLoop(pollers int, openFiles int, h *hub) (*loop, error) {
	starting.Lock()
	defer starting.Unlock()
	nbio.MaxOpenFiles = openFiles
	logging.SetLevel(logging.LevelNone)
	l := &loop{
		log:     h.log,
		metrics: h.metrics,
		clock:   h.clock,
		panics:  everySecond(),
		engine: nbio.NewEngine(nbio.Config{
			NPoller:        pollers,
			ReadBufferSize: readBuffer,
			// Only sentinels go through nbio's own write queue: this is a fence.
			MaxWriteBufferSize: 64 << 10,
			// Edge-triggered, so that a connection which is not read from does not spin the poller.
			EpollMod: nbio.EPOLLET,
		}),
	}
	l.engine.OnRead(l.onRead)
	l.engine.OnWrittenSize(onWritten)
	l.engine.OnClose(l.onClose)
	if err := l.engine.Start(); err != nil {
		return nil, fmt.Errorf("start the loop: %w", err)
	}
	for i := range pollers {
		p := &poller{loop: l}
		var err error
		if p.waker, err = waker.New(l.engine, i, pollers, p.onWake); err != nil {
			return nil, fmt.Errorf("start the loop: %w", err)
		}
		l.pollers = append(l.pollers, p)
	}
	return l, nil
}

// stop ends the pollers and waits for every callback. It closes what is still open. Not to be called twice (nbio panics).
func (l *loop) stop() {
	l.engine.Stop()
	for _, p := range l.pollers {
		if err := p.waker.Close(); err != nil {
			l.log.Debug("close a wake-up socket", "error", err)
		}
	}
}

// add hands a socket to the loop. From here on its poller reads from it, and onClose will be called once.
func (l *loop) add(c *conn) error {
	// nbio hides its hand-over from the race detector; its lock does not.
	c.nc.Lock()
	c.nc.SetSession(c)
	c.nc.Unlock()
	_, err := l.engine.AddConn(c.nc)
	return err
}

// onRead is called on the poller when a socket has bytes. What it reads is on loan until it returns.
func (l *loop) onRead(nc *nbio.Conn) {
	switch s := nc.Session().(type) {
	case *conn:
		l.read(s)
	case *waker.Waker:
		s.OnRead()
	}
}

func (l *loop) read(c *conn) { l.contain(c, func() { l.readFrom(c) }) }

// contain calls f. A fault of our own code costs the connection at hand, not the process.
func (l *loop) contain(c *conn, f func()) {
	defer func() {
		if e := recover(); e != nil {
			l.metrics.panics.Inc()
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
	buf := l.engine.PollerBuffer(c.nc)
	for reads := 0; ; reads++ {
		if c.session != nil && c.session.waiting.Load() && !c.closing() {
			return // session.goOn reads on
		}
		over := c.overBytes(now)
		enough := reads >= readsPerTurn || (over || c.congested()) && !c.closing()
		if enough && !hungUp(c.nc) {
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
			if cause := endSocket(c.nc); cause != nil && !errors.Is(cause, net.ErrClosed) {
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

// onWritten is called when nbio has written a sentinel: on the poller or within shard.arm, and under the connection's own
// lock, so it only leaves a note.
func onWritten(nc *nbio.Conn, _ []byte, _ int) {
	if c, ok := nc.Session().(*conn); ok {
		c.ready.Store(true)
		c.shard.anyReady.Store(true)
		c.shard.wake()
	}
}

// onClose is called on nbio's one closer goroutine, once for each socket that was added.
func (l *loop) onClose(nc *nbio.Conn, _ error) {
	if c, ok := nc.Session().(*conn); ok {
		c.shard.hub.gone(c)
	}
}

func (l *loop) pollerOf(c *conn) *poller { return l.pollers[c.nc.Hash()%len(l.pollers)] }

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

// poller is what we keep of one of nbio's: connections to read from when no event of theirs would make it.
type poller struct {
	loop   *loop
	waker  *waker.Waker
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
	if r := c.talksIn(); r != nil && r.congested() {
		p.loop.metrics.pauses.Inc()
		r.paused.Store(true)
		// The room may have caught up before it saw that somebody waits.
		if r.congested() {
			return
		}
	}
	p.wake()
}

func (p *poller) wake() {
	if err := p.waker.Wake(); err != nil {
		p.loop.log.Error("a poller sleeps on", "error", err)
	}
}

// onWake is called on the poller.
func (p *poller) onWake() {
	if at := p.probed.Swap(0); at != 0 {
		p.loop.metrics.loopLag.Observe(time.Since(time.Unix(0, at)).Seconds())
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
