package fanout

import (
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/metrics"
)

// Core is the state that the shards of an engine share. Their connections reach it through the shard.
type Core struct {
	// Constant after NewEngine and Start.
	Log       *slog.Logger
	Metrics   *metrics.Metrics
	Clock     *clock
	Pollers   *pollers
	deadlines deadlines // the heartbeat
	Shards    []*Shard

	limits atomic.Pointer[Limits]

	slow       rate.Sometimes // limits the log of slow consumers
	Live       atomic.Int64   // connections, from Reserve to Leave
	Draining   atomic.Bool
	Retained   atomic.Int64       // bytes that all outboxes retain
	Unfinished *unfinished[*Conn] // messages that have begun and not ended
	closes     closes
}

// deadlines has the deadlines of connections. Any goroutine may call it.
type deadlines interface {
	// File files c at its nearest deadline.
	File(c *Conn)

	// limitClose starts the time that the peer has to end its side; limitStall that of a full socket to make progress.
	limitClose(c *Conn)
	limitStall(c *Conn)

	// remove ends the deadlines of c.
	remove(c *Conn)
}

// Limits returns the limits of now. Any goroutine may call it.
func (core *Core) Limits() *Limits { return core.limits.Load() }

// Release frees a place that Engine.Reserve took. Any goroutine may call it.
func (core *Core) Release() { core.Live.Add(-1) }

// Leave removes a connection whose socket is closed, and counts the close; a second call does nothing. Called by its handler, on the
// goroutine that owns the client.
func (core *Core) Leave(c *Conn) {
	if c.Set(Left) {
		return
	}
	c.SetReason(ClosedAbnormally)
	reason := c.Reason()
	core.Metrics.Closes[reason].Inc()
	core.closes.note(Closed{c.description(), c.ID, c.Address(), reason, time.Now()})
	if reason == ClosedSlow {
		core.slow.Do(func() {
			core.Log.Warn("slow consumer closed; logged at most once per second", "conn", c.ID, "address", c.Address())
		})
	}
	core.deadlines.remove(c)
	core.Unfinished.remove(c)
	c.Handler.OnLeave()
	c.Shard.Post(Job{Do: removeConn, Conn: c})
	core.Release()
}
