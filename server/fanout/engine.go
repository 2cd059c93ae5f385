package fanout

import (
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/wheel"
)

// Engine owns all connections of the process: the event loop that reads from them, the shards that write to them, and the heartbeat.
type Engine struct {
	Core

	// Constant after NewEngine and Start.
	Loop      *loop
	Heartbeat *Heartbeat

	lastID  atomic.Uint64
	running sync.WaitGroup // the shards and the heartbeat
}

// NewEngine returns an engine that does not run: its shards take jobs and do not do them.
func NewEngine(cfg Config, log *slog.Logger, m *metrics.Metrics) *Engine {
	e := &Engine{
		Core: Core{
			Log:        log,
			Metrics:    m,
			Clock:      NewClock(),
			slow:       logqueue.EverySecond(),
			Unfinished: newUnfinished[*Conn](cfg.MaxMessage),
		},
	}
	e.limits.Store(newLimits(cfg))
	for i := range cfg.Shards {
		s := newShard(&e.Core, i)
		s.contexts.max = MaxContexts / cfg.Shards
		e.Shards = append(e.Shards, s)
	}
	return e
}

// SetLimits replaces the limits; cfg.Shards does not count. It closes no connection: a lower limit holds from the next connection, message or
// unsent byte on. Any goroutine may call it; it does not block.
func (e *Engine) SetLimits(cfg Config) {
	e.limits.Store(newLimits(cfg))
	e.Unfinished.setMost(cfg.MaxMessage)
}

// Start starts the pollers, the shards and the heartbeat. files is the limit of open files. A silent connection is pinged after interval,
// and closed if it does not answer within timeout. eachTick are called at each tick, on the heartbeat; they must not block.
func (e *Engine) Start(files int, interval, timeout time.Duration, eachTick ...func(now time.Time, tick wheel.Tick)) (err error) {
	if e.Loop, err = newLoop(len(e.Shards), files, &e.Core); err != nil {
		return err
	}
	e.Pollers = e.Loop.pollers
	e.Heartbeat = NewHeartbeat(&e.Core, interval, timeout, eachTick...)
	for _, s := range e.Shards {
		e.running.Go(s.Run)
	}
	e.running.Go(e.Heartbeat.run)
	return nil
}

// Quit ends the shards and the heartbeat. Jobs that are posted later are not done.
func (e *Engine) Quit() {
	for _, s := range e.Shards {
		close(s.Quit)
	}
	close(e.Heartbeat.quit)
}

// Stop waits for the shards and the heartbeat, and stops the pollers. Goroutines that post to a poller must have ended.
func (e *Engine) Stop() {
	e.running.Wait()
	e.Loop.stop()
}

// Reserve takes a place for one connection, and returns false if MaxConnections are open. Release, or Leave of the connection, frees the
// place.
func (e *Engine) Reserve() bool {
	if e.Live.Add(1) > e.Limits().MaxLive {
		e.Release()
		return false
	}
	return true
}

// NewConn makes c the connection of a transport whose handshake is done, and gives it an id and a shard. h is its client. The caller has
// reserved a place. A transport other than TCP may have read bytes after the handshake: pass them to Register as early.
func (e *Engine) NewConn(c *Conn, t Transport, h Handler) {
	c.Transport, c.Handler, c.Since = t, h, e.Clock.Tick()
	c.ID = e.lastID.Add(1)
	c.Shard = e.Shards[c.ID%uint64(len(e.Shards))]
}

// Register posts c to its shard, and returns the shards to wake (Wake). From then on other goroutines use c. hello, the response to the
// handshake, is the first frame to c. early is the bytes that the client sent before it. m is a membership of c that begins at once, with
// the lock of its audience held; nil for none.
func (e *Engine) Register(c *Conn, m *Member, hello, early []byte) (wake uint64) {
	// The last store before the post: the poller loads seen first, and so sees all fields.
	c.seen.Store(uint32(e.Heartbeat.phase(c)))
	return c.Shard.Push(Job{Do: addConn, Conn: c, Member: m, Frame: hello, early: early})
}

// Call runs f on each shard in turn and waits for it. It must not be called on the loop or on a shard.
func (e *Engine) Call(f func(*Shard)) {
	for _, s := range e.Shards {
		done := make(chan struct{})
		s.Post(Job{Do: CallBack, Call: func() {
			defer close(done)
			f(s)
		}})
		<-done
	}
}

// Wake wakes the shards whose bits are set.
func (e *Engine) Wake(shards uint64) {
	for ; shards != 0; shards &= shards - 1 {
		e.Shards[bits.TrailingZeros64(shards)].Wake()
	}
}

// CloseAll closes all connections, because the server stops.
func (e *Engine) CloseAll() {
	e.Call(func(s *Shard) {
		for _, c := range s.Conns {
			c.End(ClosedShutdown, "server restarts")
		}
	})
}

// AbortAll ends all connections at once, and returns their number.
func (e *Engine) AbortAll() (n int) {
	e.Call(func(s *Shard) {
		n += len(s.Conns)
		for _, c := range s.Conns {
			c.Abort(ClosedShutdown)
		}
	})
	return n
}

// WaitEmpty waits until no connection is left, at most for limit.
func (e *Engine) WaitEmpty(limit time.Duration) {
	deadline := time.Now().Add(limit)
	for e.Live.Load() > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
}

// CloseSlowBulkReaders closes slow consumers on each shard, those first that have the most unsent bytes of bulk replies that were queued at
// a tick or before it, as long as exceeded returns true.
func (e *Engine) CloseSlowBulkReaders(before wheel.Tick, exceeded func() bool) {
	for _, s := range e.Shards {
		s.Post(Job{Do: CallBack, Call: func() { s.closeWhile(func(o *Outbox) int { return o.unread(before) }, exceeded) }})
	}
}
