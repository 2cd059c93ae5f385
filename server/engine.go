package server

import (
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const maxFragments = 64 // of one message, empty ones counted

// engine owns all connections of the process: the event loop that reads from them, the shards that write to them and the heartbeat. It
// knows no user, no permission and no history.
type engine struct {
	// Constant after newEngine and start.
	log       *slog.Logger
	metrics   *metrics.Metrics
	clock     *clock
	loop      *loop
	heartbeat *heartbeat
	shards    []*shard

	rules           ws.Rules
	frameRate       limiter.Rate
	byteRate        byteRate
	maxUnsent       int
	maxLive         int64 // connections
	maxRetained     int64 // bytes that all outboxes may cost
	maxRetainedRoom int64 // bytes that the slow members of one room may make it retain

	slow       rate.Sometimes // to say so
	lastID     atomic.Uint64
	live       atomic.Int64 // connections, from reserve to leave
	draining   atomic.Bool
	retained   atomic.Int64 // bytes that all outboxes cost
	unfinished *unfinished  // messages that have begun and not ended

	running sync.WaitGroup // the shards and the heartbeat
}

// engineConfig is what an engine has to be told. All sizes are in bytes.
type engineConfig struct {
	shards         int
	maxConnections int
	maxMessage     int
	frames         int // a second from one connection; 0 for no limit
	rateBytes      int // a second from one connection; 0 for no limit
	maxUnsent      int // that may wait for a slow reader alone
	maxRetained    int // that wait for slow readers, of all connections
}

func newEngine(cfg engineConfig, log *slog.Logger, m *metrics.Metrics) *engine {
	e := &engine{
		log:             log,
		metrics:         m,
		clock:           newClock(),
		rules:           ws.Rules{MaxMessage: cfg.maxMessage, MaxFragments: maxFragments},
		frameRate:       limiter.PerSecond(cfg.frames),
		byteRate:        byteRate(cfg.rateBytes),
		maxUnsent:       cfg.maxUnsent,
		maxLive:         int64(cfg.maxConnections),
		maxRetained:     int64(cfg.maxRetained),
		maxRetainedRoom: int64(max(cfg.maxRetained/roomShareRetained, 2*cfg.maxMessage)),
		slow:            logqueue.EverySecond(),
		unfinished:      newUnfinished(cfg.maxMessage),
	}
	for i := range cfg.shards {
		e.shards = append(e.shards, newShard(e, i))
	}
	return e
}

// start starts the pollers, the shards and the heartbeat. files is the open-file limit. A silent connection is pinged after interval, and
// has timeout to answer. eachTick are called at each tick, on the heartbeat.
func (e *engine) start(files int, interval, timeout time.Duration, eachTick ...func(now time.Time, tick wheel.Tick)) (err error) {
	if e.loop, err = newLoop(len(e.shards), files, e); err != nil {
		return err
	}
	e.heartbeat = newHeartbeat(e, interval, timeout, eachTick...)
	for _, s := range e.shards {
		e.running.Go(s.run)
	}
	e.running.Go(e.heartbeat.run)
	return nil
}

// quit has the shards and the heartbeat end. What others post is still taken, and not done.
func (e *engine) quit() {
	for _, s := range e.shards {
		close(s.quit)
	}
	close(e.heartbeat.quit)
}

// stop waits for the shards and the heartbeat, and stops the pollers. Those who post to a poller must have ended.
func (e *engine) stop() {
	e.running.Wait()
	e.loop.stop()
}

// reserve takes a place for one more connection. Give it back by release, or by conn's leaving.
func (e *engine) reserve() bool {
	if e.live.Add(1) > e.maxLive {
		e.release()
		return false
	}
	return true
}

func (e *engine) release() { e.live.Add(-1) }

// newConn makes c the connection of a socket whose handshake is done, with a number and a shard. The caller has reserved a place. h is its
// client.
func (e *engine) newConn(c *conn, nc *netpoll.Socket, h handler) {
	c.nc, c.handler, c.since = nc, h, e.clock.tick()
	c.id = e.lastID.Add(1)
	c.shard = e.shards[c.id%uint64(len(e.shards))]
}

// welcome posts c to its shard: from there on it is shared. hello, the answer to the handshake, is the first thing that it is sent; early
// is what the client sent ahead of it. m is c's place in a topic, whose lock is held; nil for none.
func (e *engine) welcome(c *conn, m *member, hello, early []byte) (wake uint64) {
	// The last write before: what is stored here orders all the fields above.
	c.seen.Store(uint32(e.heartbeat.phase(c)))
	return c.shard.push(job{do: joinHub, conn: c, member: m, frame: hello, early: early})
}

// leave counts a connection out whose socket is closed; a second call does nothing. Called by its handler, on the goroutine that owns it.
func (e *engine) leave(c *conn) {
	if c.set(left) {
		return
	}
	c.reason.CompareAndSwap(uint32(stillOpen), uint32(closedGone))
	reason := closeReason(c.reason.Load())
	e.metrics.Closes[reason].Inc()
	if reason == closedSlow {
		e.slow.Do(func() {
			e.log.Warn("slow reader closed; others may follow unnamed", "conn", c.id, "address", c.address())
		})
	}
	e.heartbeat.remove(c)
	e.unfinished.remove(c)
	c.handler.onLeave()
	c.shard.post(job{do: leaveHub, conn: c})
	e.release()
}

// call runs f on every shard in turn and waits for it. Not to be called on the loop or on a shard.
func (e *engine) call(f func(*shard)) {
	for _, s := range e.shards {
		done := make(chan struct{})
		s.post(job{do: callBack, call: func() {
			defer close(done)
			f(s)
		}})
		<-done
	}
}

// wake wakes the shards whose bits are set.
func (e *engine) wake(shards uint64) {
	for ; shards != 0; shards &= shards - 1 {
		e.shards[bits.TrailingZeros64(shards)].wake()
	}
}

// closeAll tells every connection that the server goes away.
func (e *engine) closeAll() {
	e.call(func(s *shard) {
		for _, c := range s.conns {
			c.end(closedShutdown, "server restarts")
		}
	})
}

// cutAll ends every connection at once and returns how many there were.
func (e *engine) cutAll() (n int) {
	e.call(func(s *shard) {
		n += len(s.conns)
		for _, c := range s.conns {
			c.cut(closedShutdown)
		}
	})
	return n
}

// waitEmpty waits until every connection is counted out, or for the time given.
func (e *engine) waitEmpty(limit time.Duration) {
	deadline := time.Now().Add(limit)
	for e.live.Load() > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
}
