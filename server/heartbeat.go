package server

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const (
	stallTimeout    = 5 * time.Second // without progress on a full socket
	closeTimeout    = 2 * time.Second // for the peer's part of a close
	forgivenAbsence = time.Second     // a tick that is so late means that the process was suspended
)

// wheelSlots of a tick each reach 64 s: one round covers every deadline of the default config.
const wheelSlots = 128

// pingFrame is shared by all.
var pingFrame = encode(ws.OpPing, nil)

// heartbeat holds every connection to its deadlines: the ping of a silent one, the answer to that ping, progress on a full
// socket, the end of a close. Each connection is one entry of the wheel, filed at the nearest of them. It is not moved when
// bytes arrive: the poller stores the tick, and the entry is looked at, and filed anew, when it falls due.
type heartbeat struct {
	engine   *engine
	interval wheel.Tick
	timeout  wheel.Tick
	stall    wheel.Tick // stallTimeout
	quit     chan struct{}
	eachTick []func(now time.Time, tick wheel.Tick) // constant after the start; must not block

	mu    sync.Mutex // a leaf; not held over a connection's check
	wheel *wheel.Wheel[conn, *conn]

	// Owned by run.
	due  []*conn
	base time.Time // the moment of tick 0, moved on by every absence
	wall time.Time // the wall-clock time of tick 0, as of the last look at expiries
}

// newHeartbeat makes the heartbeat of an engine. eachTick are called at each tick, on the heartbeat.
func newHeartbeat(e *engine, interval, timeout time.Duration, eachTick ...func(now time.Time, tick wheel.Tick)) *heartbeat {
	return &heartbeat{
		engine:   e,
		interval: inTicks(interval),
		timeout:  inTicks(timeout),
		stall:    inTicks(stallTimeout),
		quit:     make(chan struct{}),
		eachTick: eachTick,
		wheel:    wheel.New[conn, *conn](wheelSlots),
		base:     e.clock.started.Add(-firstTick * tickLength),
		wall:     e.clock.today().Add(-firstTick * tickLength),
	}
}

// run is the heartbeat's goroutine. It ends when quit is closed.
func (h *heartbeat) run() {
	ticker := time.NewTicker(tickLength)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.advance(now)
			h.engine.loop.probe(now)
			h.engine.loop.resumePaced()
		case <-h.quit:
			return
		}
	}
}

// advance moves the clock to now and deals with everyone whose deadline has come.
func (h *heartbeat) advance(now time.Time) {
	clock := h.engine.clock
	last := h.base.Add(time.Duration(clock.tick()) * tickLength)
	drift := now.Sub(last) - tickLength
	h.engine.metrics.WheelDrift.Observe(max(drift, 0).Seconds())
	if drift > forgivenAbsence {
		// The process was stopped, or the machine asleep: the peers' answers could not be read.
		h.base = h.base.Add(drift)
		h.engine.log.Warn("away: deadlines are put off", "for", drift.Round(time.Millisecond).String())
	}
	tick := wheel.Tick(now.Sub(h.base) / tickLength)
	if tick <= clock.tick() {
		return
	}
	clock.ticks.Store(uint32(tick))

	h.watchWallClock(tick)
	h.engine.expireUnfinished(tick)
	for _, do := range h.eachTick {
		do(now, tick)
	}
	h.mu.Lock()
	h.due = h.wheel.Advance(tick, h.due[:0])
	h.mu.Unlock()
	for _, c := range h.due {
		h.check(c, tick)
	}
	h.mu.Lock()
	for i, c := range h.due {
		if !c.is(left) {
			h.wheel.File(c, h.next(c))
		}
		h.due[i] = nil
	}
	h.mu.Unlock()
}

// watchWallClock has expiries judged at once when the wall clock moved and the ticks did not: the process was stopped, the
// machine suspended, or the clock set.
func (h *heartbeat) watchWallClock(tick wheel.Tick) {
	wall := h.engine.clock.today().Add(-time.Duration(tick) * tickLength)
	if step := wall.Sub(h.wall); step.Abs() <= forgivenAbsence {
		return
	}
	h.wall = wall
	var expiring []*conn
	h.mu.Lock()
	h.wheel.Each(func(c *conn) {
		if t := c.handler.timers(); t != nil && t.deadline.Load() != 0 {
			expiring = append(expiring, c)
		}
	})
	h.mu.Unlock()
	for _, c := range expiring {
		c.poller().post(func() { c.handler.onDeadline(true) })
	}
}

// check does what is due for c.
func (h *heartbeat) check(c *conn, now wheel.Tick) {
	if by := wheel.Tick(c.closeBy.Load()); by != 0 && now >= by {
		c.cut(closedGone) // the reason of the close stands
		return
	}
	if stalled := wheel.Tick(c.stalled.Load()); stalled != 0 && now >= stalled+h.stall {
		c.cut(closedSlow)
		return
	}
	if c.closing() {
		return
	}
	if t := c.handler.timers(); t != nil {
		h.checkTimers(c, t, now)
		return
	}
	seen, pinged := wheel.Tick(c.seen.Load()), wheel.Tick(c.pinged.Load())
	if pinged != 0 && seen >= pinged {
		pinged = 0
		c.pinged.Store(0)
	}
	switch {
	case pinged != 0 && now >= pinged+h.timeout && c.stalled.Load() != 0:
		h.forgiveLag(c, pinged, now)
	case pinged != 0 && now >= pinged+h.timeout:
		c.cut(closedPingTimeout)
	case pinged == 0 && now >= seen+h.interval:
		c.pinged.Store(uint32(now))
		h.engine.metrics.Pings.Inc()
		c.shard.post(job{do: sendPing, conn: c, frame: c.handler.pingFrame()})
	}
}

// checkTimers does what is due for a connection of a protocol that pings by itself. Its client counts on a ping each interval, whatever
// else it hears, and what it owes is the answer to that ping, whatever else it says.
func (h *heartbeat) checkTimers(c *conn, t *timers, now wheel.Tick) {
	if by := wheel.Tick(t.deadline.Load()); by != 0 && now >= by && t.deadline.CompareAndSwap(uint32(by), 0) {
		c.poller().post(func() { c.handler.onDeadline(false) })
	}
	pinged, at := wheel.Tick(c.pinged.Load()), wheel.Tick(t.pingAt.Load())
	switch {
	case pinged != 0 && now >= pinged+h.timeout && c.is(held):
		// Nothing is read of it: the answer may be there. When it is read again it gets that time back.
	case pinged != 0 && now >= pinged+h.timeout && c.stalled.Load() != 0:
		h.forgiveLag(c, pinged, now)
	case pinged != 0 && now >= pinged+h.timeout:
		c.end(closedPingTimeout, "")
	case pinged == 0 && at != 0 && now >= at:
		c.pinged.Store(uint32(now))
		t.pingAt.Store(uint32(now + h.interval))
		h.engine.metrics.Pings.Inc()
		c.shard.post(job{do: sendPing, conn: c, frame: c.handler.pingFrame()})
	}
}

// forgiveLag gives a reader whose socket is full more time to answer a ping, which may wait in that socket. What it is held to
// meanwhile is progress.
func (h *heartbeat) forgiveLag(c *conn, pinged, now wheel.Tick) {
	c.pinged.CompareAndSwap(uint32(pinged), uint32(now))
}

// next is the nearest of c's deadlines.
func (h *heartbeat) next(c *conn) wheel.Tick {
	due := wheel.Tick(c.seen.Load()) + h.interval
	t := c.handler.timers()
	if t != nil {
		due = wheel.Tick(t.pingAt.Load())
		if due == 0 {
			due = h.engine.clock.tick() + h.interval
		}
	}
	if pinged := wheel.Tick(c.pinged.Load()); pinged != 0 {
		due = pinged + h.timeout
	}
	if t != nil {
		if by := wheel.Tick(t.deadline.Load()); by != 0 {
			due = min(due, by)
		}
	}
	if c.closing() {
		due = h.engine.clock.tick() + inTicks(closeTimeout)
	}
	if stalled := wheel.Tick(c.stalled.Load()); stalled != 0 {
		due = min(due, stalled+h.stall)
	}
	if by := wheel.Tick(c.closeBy.Load()); by != 0 {
		due = min(due, by)
	}
	return due
}

// phase is when a new connection is taken to have been heard last: somewhere in the interval that ends now, so that
// connections that came together are not pinged together.
func (h *heartbeat) phase(c *conn) wheel.Tick { return h.engine.clock.tick() - h.spread(c, h.interval) }

// firstPing is when a client with timers is pinged first: in the second half of the interval that begins now, as the SDKs know it.
func (h *heartbeat) firstPing(c *conn) wheel.Tick {
	half := h.interval / 2
	return h.engine.clock.tick() + half + h.spread(c, h.interval-half)
}

// spread is c's part of a time that all connections share.
func (h *heartbeat) spread(c *conn, over wheel.Tick) wheel.Tick {
	const golden = 2654435769 // 2^32 / phi: neighbours are spread as far apart as can be
	return wheel.Tick(uint64(uint32(c.id)*golden) * uint64(over) >> 32)
}

func (h *heartbeat) add(c *conn) { h.file(c) }

func (h *heartbeat) remove(c *conn) {
	h.mu.Lock()
	h.wheel.Remove(c)
	h.mu.Unlock()
}

// limitClose gives the peer its time to end the connection from its side.
func (h *heartbeat) limitClose(c *conn) {
	c.closeBy.Store(uint32(h.engine.clock.tick() + inTicks(closeTimeout)))
	h.file(c)
}

// limitStall gives a full socket its time to make progress.
func (h *heartbeat) limitStall(c *conn) {
	c.stalled.Store(uint32(h.engine.clock.tick()))
	h.file(c)
}

// file puts c at the nearest of its deadlines. What makes one nearer is stored before, so that an entry which is being
// checked meanwhile is filed by it, too.
func (h *heartbeat) file(c *conn) {
	h.mu.Lock()
	if !c.is(left) {
		h.wheel.File(c, h.next(c))
	}
	h.mu.Unlock()
}
