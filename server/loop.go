package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"golang.org/x/time/rate"
)

// loop is nbio's epoll (kqueue) engine under the connections. Each of its pollers is one goroutine that reads from a share
// of the sockets and hands the bytes to their conns; nothing that runs on it may block.
type loop struct {
	log     *slog.Logger
	metrics *metrics
	clock   *clock
	engine  *nbio.Engine
	wakers  []*waker // one a poller
	panics  rate.Sometimes
	probed  time.Time // owned by the heartbeat

	received atomic.Uint64 // bytes
}

// newLoop starts the pollers.
func newLoop(pollers int, openFiles int, h *hub) (*loop, error) {
	nbio.MaxOpenFiles = openFiles
	logging.SetLevel(logging.LevelNone)
	l := &loop{
		log:     h.log,
		metrics: h.metrics,
		clock:   h.clock,
		panics:  rate.Sometimes{Interval: time.Second},
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
		w, err := newWaker(l, i, pollers)
		if err != nil {
			l.stop()
			return nil, fmt.Errorf("start the loop: %w", err)
		}
		l.wakers = append(l.wakers, w)
	}
	return l, nil
}

// stop ends the pollers and waits for every callback. It closes what is still open. Not to be called twice (nbio panics).
func (l *loop) stop() {
	l.engine.Stop()
	for _, w := range l.wakers {
		w.close()
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
	case *waker:
		s.onWake()
	}
}

func (l *loop) read(c *conn) {
	defer func() {
		if e := recover(); e != nil {
			l.metrics.panics.Inc()
			l.panics.Do(func() {
				l.log.Error("panic on the loop", "conn", c.id, "error", e, "stack", string(debug.Stack()))
			})
			c.cut(closedPanic)
		}
	}()
	// Loaded first: this orders everything that was stored before the socket came to the loop.
	if tick := uint32(l.clock.tick()); c.seen.Load() != tick {
		c.seen.Store(tick)
	}
	now := l.clock.now()
	buf := l.engine.PollerBuffer(c.nc)
	for range readsPerTurn {
		if c.part.room.congested() && !c.closing() {
			l.waker(c).later(c)
			return
		}
		n, err := c.nc.Read(buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil || n == 0:
			if err == nil {
				err = io.EOF
			}
			if cause := c.nc.CloseWithError(err); cause != nil {
				l.log.Debug("close socket", "conn", c.id, "error", cause)
			}
			return
		}
		c.onData(buf[:n], now)
		if n < len(buf) {
			return
		}
	}
	l.waker(c).later(c)
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
		c.shard.hub.leave(c)
	}
}

func (l *loop) waker(c *conn) *waker { return l.wakers[c.nc.Hash()%len(l.wakers)] }

func (l *loop) wakeAll() {
	for _, w := range l.wakers {
		w.wake()
	}
}

// probe measures, once a second, how long each poller takes to answer. Called on the heartbeat.
func (l *loop) probe(now time.Time) {
	if now.Sub(l.probed) < time.Second {
		return
	}
	l.probed = now
	for _, w := range l.wakers {
		w.probed.Store(now.UnixNano())
		w.wake()
	}
}

// waker gives one poller work that no socket's event would bring: connections to read from later.
type waker struct {
	loop   *loop
	nc     *nbio.Conn // the end that the poller reads
	fd     int        // the end that wakes it
	woken  atomic.Bool
	probed atomic.Int64 // unix nanoseconds of a probe not yet answered; 0 for none

	// Owned by the poller.
	waiting []*conn
	spare   []*conn
}

// later puts c on the list of connections to read from when the poller has dealt with the others, or, where its room is
// behind, when that has caught up.
func (w *waker) later(c *conn) {
	if !c.waiting {
		c.waiting = true
		w.waiting = append(w.waiting, c)
	}
	if r := c.part.room; r.congested() {
		w.loop.metrics.pauses.Inc()
		r.paused.Store(true)
		// The room may have caught up before it saw that somebody waits.
		if r.congested() {
			return
		}
	}
	w.wake()
}

// wake makes the poller call onWake. Any goroutine may call it; it does not block.
func (w *waker) wake() {
	if w.woken.Swap(true) {
		return
	}
	for {
		_, err := syscall.Write(w.fd, []byte{1})
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil && !errors.Is(err, syscall.EAGAIN):
			w.loop.log.Error("wake a poller", "error", err)
		}
		return
	}
}

// onWake is called on the poller.
func (w *waker) onWake() {
	var drain [16]byte
	for {
		if n, err := w.nc.Read(drain[:]); n < len(drain) || err != nil {
			break
		}
	}
	w.woken.Store(false)
	if at := w.probed.Swap(0); at != 0 {
		w.loop.metrics.loopLag.Observe(time.Since(time.Unix(0, at)).Seconds())
	}
	list := w.waiting
	w.waiting = w.spare[:0]
	for i, c := range list {
		list[i] = nil
		c.waiting = false
		w.loop.read(c)
	}
	w.spare = list[:0]
}
