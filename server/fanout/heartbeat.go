package fanout

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const (
	StallTimeout     = 5 * time.Second // without progress on a full socket
	CloseTimeout     = 2 * time.Second // for the peer to end its side after our close frame
	suspendThreshold = time.Second     // a tick that is later than this means that the process was suspended
)

// WheelSlots is the number of slots of the timing wheel, of one tick each. 64 s cover every deadline of the default configuration.
const WheelSlots = 128

// PingFrame is an empty ping of RFC 6455. All connections share it.
var PingFrame = EncodeFrame(ws.OpPing, nil)

// Heartbeat enforces the deadlines of all connections: the ping of a silent one, the answer to a ping, progress on a full socket, and the
// end of a close. Each connection is one entry of the wheel, filed at its nearest deadline. Received bytes do not move the entry: the
// poller stores the tick of the bytes, and the entry is checked and filed again when it is due.
type Heartbeat struct {
	core     *Core
	interval wheel.Tick
	timeout  wheel.Tick
	Stall    wheel.Tick // StallTimeout
	quit     chan struct{}
	eachTick []func(now time.Time, tick wheel.Tick) // constant after the start; must not block

	Mu    sync.Mutex // a leaf; not held while a connection is checked
	wheel *wheel.Wheel[Conn, *Conn]

	// Owned by run.
	due  []*Conn
	base time.Time // the time of tick 0, moved by the length of each suspension
	wall time.Time // the wall-clock time of tick 0, when expiries were last checked
}

// NewHeartbeat returns the heartbeat of an engine, which does not run. From then on the connections of the engine are filed with it. A silent
// connection is pinged after interval, and closed if it does not answer within timeout. eachTick are called at each tick, on the heartbeat.
func NewHeartbeat(of *Core, interval, timeout time.Duration, eachTick ...func(now time.Time, tick wheel.Tick)) *Heartbeat {
	h := &Heartbeat{
		core:     of,
		interval: InTicks(interval),
		timeout:  InTicks(timeout),
		Stall:    InTicks(StallTimeout),
		quit:     make(chan struct{}),
		eachTick: eachTick,
		wheel:    wheel.New[Conn, *Conn](WheelSlots),
		base:     of.Clock.Started.Add(-FirstTick * TickLength),
		wall:     of.Clock.WallNow().Add(-FirstTick * TickLength),
	}
	of.deadlines = h
	return h
}

// run is the goroutine of the heartbeat. It ends when quit is closed.
func (h *Heartbeat) run() {
	ticker := time.NewTicker(TickLength)
	defer ticker.Stop()
	h.begin(time.Now())
	for {
		select {
		case now := <-ticker.C:
			h.Advance(now)
			h.core.Pollers.probe(now)
			h.core.Pollers.resumePaced()
		case <-h.quit:
			return
		}
	}
}

// begin makes now the time of the current tick: a node of a cluster reads its logs between the start of the clock and the first tick.
func (h *Heartbeat) begin(now time.Time) {
	passed := time.Duration(h.core.Clock.Tick()) * TickLength
	h.base = now.Add(-passed)
	h.wall = h.core.Clock.WallNow().Add(-passed)
}

// Advance moves the clock to now and handles each connection with a deadline that has come.
func (h *Heartbeat) Advance(now time.Time) {
	clock := h.core.Clock
	last := h.base.Add(time.Duration(clock.Tick()) * TickLength)
	delay := now.Sub(last) - TickLength
	h.core.Metrics.TickDelay.Observe(max(delay, 0).Seconds())
	if delay > suspendThreshold {
		// The process or the machine was suspended: the answers of the peers could not be read.
		h.base = h.base.Add(delay)
		h.core.Log.Warn("process was suspended: deadlines are extended", "for", delay.Round(time.Millisecond).String())
	}
	tick := wheel.Tick(now.Sub(h.base) / TickLength)
	if tick <= clock.Tick() {
		return
	}
	clock.Ticks.Store(uint32(tick))

	h.watchWallClock(tick)
	h.expireUnfinished(tick)
	for _, do := range h.eachTick {
		do(now, tick)
	}
	h.Mu.Lock()
	h.due = h.wheel.Advance(tick, h.due[:0])
	h.Mu.Unlock()
	for _, c := range h.due {
		h.check(c, tick)
	}
	h.Mu.Lock()
	for i, c := range h.due {
		if !c.Is(Left) {
			h.wheel.File(c, h.next(c))
		}
		h.due[i] = nil
	}
	h.Mu.Unlock()
}

// watchWallClock makes clients check their expiries at once if the wall clock has moved and the ticks have not: the process or the machine
// was suspended, or the clock was set.
func (h *Heartbeat) watchWallClock(tick wheel.Tick) {
	wall := h.core.Clock.WallNow().Add(-time.Duration(tick) * TickLength)
	if step := wall.Sub(h.wall); step.Abs() <= suspendThreshold {
		return
	}
	h.wall = wall
	var expiring []*Conn
	h.Mu.Lock()
	h.wheel.Each(func(c *Conn) {
		if t := c.Handler.Timers(); t != nil && t.Deadline.Load() != 0 {
			expiring = append(expiring, c)
		}
	})
	h.Mu.Unlock()
	for _, c := range expiring {
		c.Poller().Post(func() { c.Handler.OnDeadline(true) })
	}
}

// check does what is due for c.
func (h *Heartbeat) check(c *Conn, now wheel.Tick) {
	if by := wheel.Tick(c.CloseBy.Load()); by != 0 && now >= by {
		c.Abort(ClosedAbnormally) // the reason of the close stays
		return
	}
	if stalled := wheel.Tick(c.Stalled.Load()); stalled != 0 && now >= stalled+h.Stall {
		c.Abort(ClosedSlow)
		return
	}
	if c.Closing() {
		return
	}
	if t := c.Handler.Timers(); t != nil {
		h.checkTimers(c, t, now)
		return
	}
	seen, pinged := wheel.Tick(c.seen.Load()), wheel.Tick(c.Pinged.Load())
	if pinged != 0 && seen >= pinged {
		pinged = 0
		c.Pinged.Store(0)
	}
	switch {
	case pinged != 0 && now >= pinged+h.timeout && c.Stalled.Load() != 0:
		h.extendPing(c, pinged, now)
	case pinged != 0 && now >= pinged+h.timeout:
		c.Abort(ClosedPingTimeout)
	case pinged == 0 && now >= seen+h.interval:
		c.Pinged.Store(uint32(now))
		h.core.Metrics.Pings.Inc()
		c.Shard.Post(Job{Do: SendPing, Conn: c, Frame: c.Handler.PingFrame()})
	}
}

// checkTimers does what is due for a connection with timers. Its client expects a ping each interval, whatever else it receives, and must
// answer it, whatever else it sends, unless the connection is OneWay.
func (h *Heartbeat) checkTimers(c *Conn, t *Timers, now wheel.Tick) {
	if by := wheel.Tick(t.Deadline.Load()); by != 0 && now >= by && t.Deadline.CompareAndSwap(uint32(by), 0) {
		c.Poller().Post(func() { c.Handler.OnDeadline(false) })
	}
	pinged, at := wheel.Tick(c.Pinged.Load()), wheel.Tick(t.PingAt.Load())
	switch {
	case pinged != 0 && now >= pinged+h.timeout && c.Is(Paused):
		// The connection is paused: its answer may have come and is not read. Its time is extended when it is read again.
	case pinged != 0 && now >= pinged+h.timeout && c.Stalled.Load() != 0:
		h.extendPing(c, pinged, now)
	case pinged != 0 && now >= pinged+h.timeout:
		c.End(ClosedPingTimeout, "")
	case pinged == 0 && at != 0 && now >= at:
		if !c.Is(OneWay) {
			c.Pinged.Store(uint32(now))
		}
		t.PingAt.Store(uint32(now + h.interval))
		h.core.Metrics.Pings.Inc()
		c.Shard.Post(Job{Do: SendPing, Conn: c, Frame: c.Handler.PingFrame()})
	}
}

// expireUnfinished closes the connections whose messages have exceeded MessageTimeout.
func (h *Heartbeat) expireUnfinished(now wheel.Tick) {
	for _, c := range h.core.Unfinished.expire(now) {
		c.closeUnfinished("message not finished in time")
	}
}

// extendPing gives a slow consumer more time to answer a ping, which may be in the full socket. It must make progress meanwhile.
func (h *Heartbeat) extendPing(c *Conn, pinged, now wheel.Tick) {
	c.Pinged.CompareAndSwap(uint32(pinged), uint32(now))
}

// next returns the nearest deadline of c.
func (h *Heartbeat) next(c *Conn) wheel.Tick {
	due := wheel.Tick(c.seen.Load()) + h.interval
	t := c.Handler.Timers()
	if t != nil {
		due = wheel.Tick(t.PingAt.Load())
		if due == 0 {
			due = h.core.Clock.Tick() + h.interval
		}
	}
	if pinged := wheel.Tick(c.Pinged.Load()); pinged != 0 {
		due = pinged + h.timeout
	}
	if t != nil {
		if by := wheel.Tick(t.Deadline.Load()); by != 0 {
			due = min(due, by)
		}
	}
	if c.Closing() {
		due = h.core.Clock.Tick() + InTicks(CloseTimeout)
	}
	if stalled := wheel.Tick(c.Stalled.Load()); stalled != 0 {
		due = min(due, stalled+h.Stall)
	}
	if by := wheel.Tick(c.CloseBy.Load()); by != 0 {
		due = min(due, by)
	}
	return due
}

// phase returns the first value of seen of a new connection. It is spread over the last interval, so that connections that opened together
// are not pinged together.
func (h *Heartbeat) phase(c *Conn) wheel.Tick { return h.core.Clock.Tick() - h.spread(c, h.interval) }

// FirstPing returns the tick of the first ping of a client with timers: in the second half of the interval that begins now, as the SDKs
// expect it.
func (h *Heartbeat) FirstPing(c *Conn) wheel.Tick {
	half := h.interval / 2
	return h.core.Clock.Tick() + half + h.spread(c, h.interval-half)
}

// spread returns a part of a duration that is different for each connection.
func (h *Heartbeat) spread(c *Conn, over wheel.Tick) wheel.Tick {
	const golden = 2654435769 // 2^32 / phi: consecutive ids are spread as far apart as possible
	return wheel.Tick(uint64(uint32(c.ID)*golden) * uint64(over) >> 32)
}

// remove takes c out of the wheel.
func (h *Heartbeat) remove(c *Conn) {
	h.Mu.Lock()
	h.wheel.Remove(c)
	h.Mu.Unlock()
}

// limitClose starts the time that the peer has to end its side.
func (h *Heartbeat) limitClose(c *Conn) {
	c.CloseBy.Store(uint32(h.core.Clock.Tick() + InTicks(CloseTimeout)))
	h.File(c)
}

// limitStall starts the time that a full socket has to make progress.
func (h *Heartbeat) limitStall(c *Conn) {
	c.Stalled.Store(uint32(h.core.Clock.Tick()))
	h.File(c)
}

// File files c at its nearest deadline. Set an earlier deadline before the call. Any goroutine may call it.
func (h *Heartbeat) File(c *Conn) {
	h.Mu.Lock()
	if !c.Is(Left) {
		h.wheel.File(c, h.next(c))
	}
	h.Mu.Unlock()
}
