package fanout

import (
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const maxFragments = 64 // of one message, empty ones counted

// Engine owns all connections of the process: the event loop that reads from them, the shards that write to them and the heartbeat. It
// knows no user, no permission and no history.
type Engine struct {
	Shared

	// Constant after newEngine and start.
	Loop    *loop
	MaxLive int64 // connections

	lastID  atomic.Uint64
	running sync.WaitGroup // the shards and the heartbeat
}

// Config is what an engine has to be told. All sizes are in bytes.
type Config struct {
	Shards         int
	MaxConnections int
	MaxMessage     int
	Frames         int // a second from one connection; 0 for no limit
	RateBytes      int // a second from one connection; 0 for no limit
	MaxUnsent      int // that may wait for a slow reader alone
	MaxRetained    int // that wait for slow readers, of all connections
}

func NewEngine(cfg Config, log *slog.Logger, m *metrics.Metrics) *Engine {
	e := &Engine{
		Shared: Shared{
			Log:             log,
			Metrics:         m,
			Clock:           NewClock(),
			Rules:           ws.Rules{MaxMessage: cfg.MaxMessage, MaxFragments: maxFragments},
			frameRate:       limiter.PerSecond(cfg.Frames),
			byteRate:        ByteRate(cfg.RateBytes),
			MaxUnsent:       cfg.MaxUnsent,
			MaxRetained:     int64(cfg.MaxRetained),
			MaxRetainedRoom: int64(max(cfg.MaxRetained/RoomShareRetained, 2*cfg.MaxMessage)),
			slow:            logqueue.EverySecond(),
			Unfinished:      NewUnfinished[*Conn](cfg.MaxMessage),
		},
		MaxLive: int64(cfg.MaxConnections),
	}
	for i := range cfg.Shards {
		e.Shards = append(e.Shards, NewShard(&e.Shared, i))
	}
	return e
}

// Start starts the pollers, the shards and the heartbeat. files is the open-file limit. A silent connection is pinged after interval, and
// has timeout to answer. eachTick are called at each tick, on the heartbeat.
func (e *Engine) Start(files int, interval, timeout time.Duration, eachTick ...func(now time.Time, tick wheel.Tick)) (err error) {
	if e.Loop, err = newLoop(len(e.Shards), files, &e.Shared); err != nil {
		return err
	}
	e.Pollers = e.Loop.pollers
	e.Heartbeat = NewHeartbeat(&e.Shared, interval, timeout, eachTick...)
	for _, s := range e.Shards {
		e.running.Go(s.Run)
	}
	e.running.Go(e.Heartbeat.run)
	return nil
}

// Quit has the shards and the heartbeat end. What others post is still taken, and not done.
func (e *Engine) Quit() {
	for _, s := range e.Shards {
		close(s.Quit)
	}
	close(e.Heartbeat.quit)
}

// Stop waits for the shards and the heartbeat, and stops the pollers. Those who post to a poller must have ended.
func (e *Engine) Stop() {
	e.running.Wait()
	e.Loop.stop()
}

// Reserve takes a place for one more connection. Give it back by release, or by conn's leaving.
func (e *Engine) Reserve() bool {
	if e.Live.Add(1) > e.MaxLive {
		e.Release()
		return false
	}
	return true
}

// NewConn makes c the connection of a transport whose handshake is done, with a number and a shard. The caller has reserved a place. h is
// its client.
func (e *Engine) NewConn(c *Conn, t Transport, h Handler) {
	c.Transport, c.Handler, c.Since = t, h, e.Clock.Tick()
	c.Id = e.lastID.Add(1)
	c.Shard = e.Shards[c.Id%uint64(len(e.Shards))]
}

// Welcome posts c to its shard: from there on it is shared. hello, the answer to the handshake, is the first thing that it is sent; early
// is what the client sent ahead of it. m is c's place in a topic, whose lock is held; nil for none.
func (e *Engine) Welcome(c *Conn, m *Member, hello, early []byte) (wake uint64) {
	// The last write before: what is stored here orders all the fields above.
	c.Seen.Store(uint32(e.Heartbeat.Phase(c)))
	return c.Shard.Push(Job{Do: joinHub, Conn: c, Member: m, Frame: hello, early: early})
}

// Call runs f on every shard in turn and waits for it. Not to be called on the loop or on a shard.
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

// CloseAll tells every connection that the server goes away.
func (e *Engine) CloseAll() {
	e.Call(func(s *Shard) {
		for _, c := range s.Conns {
			c.End(ClosedShutdown, "server restarts")
		}
	})
}

// CutAll ends every connection at once and returns how many there were.
func (e *Engine) CutAll() (n int) {
	e.Call(func(s *Shard) {
		n += len(s.Conns)
		for _, c := range s.Conns {
			c.Cut(ClosedShutdown)
		}
	})
	return n
}

// WaitEmpty waits until every connection is counted out, or for the time given.
func (e *Engine) WaitEmpty(limit time.Duration) {
	deadline := time.Now().Add(limit)
	for e.Live.Load() > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
}

// RelieveBulk closes the readers whose unread bulk replies of before a moment are the longest, on each shard, while it is too much.
func (e *Engine) RelieveBulk(before wheel.Tick, tooMuch func() bool) {
	for _, s := range e.Shards {
		s.Post(Job{Do: CallBack, Call: func() { s.closeSlowest(func(o *Outbox) int { return o.Unread(before) }, tooMuch) }})
	}
}
