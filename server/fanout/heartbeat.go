package fanout

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const (
	StallTimeout    = 5 * time.Second // without progress on a full socket
	CloseTimeout    = 2 * time.Second // for the peer's part of a close
	forgivenAbsence = time.Second     // a tick that is so late means that the process was suspended
)

// WheelSlots of a tick each reach 64 s: one round covers every deadline of the default config.
const WheelSlots = 128

// PingFrame is shared by all.
var PingFrame = EncodeFrame(ws.OpPing, nil)

// Heartbeat holds every connection to its deadlines: the ping of a silent one, the answer to that ping, progress on a full
// socket, the end of a close. Each connection is one entry of the wheel, filed at the nearest of them. It is not moved when
// bytes arrive: the poller stores the tick, and the entry is looked at, and filed anew, when it falls due.
type Heartbeat struct {
	shared   *Shared
	interval wheel.Tick
	timeout  wheel.Tick
	Stall    wheel.Tick // stallTimeout
	quit     chan struct{}
	eachTick []func(now time.Time, tick wheel.Tick) // constant after the start; must not block

	Mu    sync.Mutex // a leaf; not held over a connection's check
	wheel *wheel.Wheel[Conn, *Conn]

	// Owned by run.
	due  []*Conn
	base time.Time // the moment of tick 0, moved on by every absence
	wall time.Time // the wall-clock time of tick 0, as of the last look at expiries
}

// NewHeartbeat makes the heartbeat of the connections. eachTick are called at each tick, on the heartbeat.
func NewHeartbeat(of *Shared, interval, timeout time.Duration, eachTick ...func(now time.Time, tick wheel.Tick)) *Heartbeat {
	return &Heartbeat{
		shared:   of,
		interval: InTicks(interval),
		timeout:  InTicks(timeout),
		Stall:    InTicks(StallTimeout),
		quit:     make(chan struct{}),
		eachTick: eachTick,
		wheel:    wheel.New[Conn, *Conn](WheelSlots),
		base:     of.Clock.Started.Add(-FirstTick * TickLength),
		wall:     of.Clock.Today().Add(-FirstTick * TickLength),
	}
}

// run is the heartbeat's goroutine. It ends when quit is closed.
func (h *Heartbeat) run() {
	ticker := time.NewTicker(TickLength)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.Advance(now)
			h.shared.Pollers.probe(now)
			h.shared.Pollers.resumePaced()
		case <-h.quit:
			return
		}
	}
}

// Advance moves the clock to now and deals with everyone whose deadline has come.
func (h *Heartbeat) Advance(now time.Time) {
	clock := h.shared.Clock
	last := h.base.Add(time.Duration(clock.Tick()) * TickLength)
	drift := now.Sub(last) - TickLength
	h.shared.Metrics.WheelDrift.Observe(max(drift, 0).Seconds())
	if drift > forgivenAbsence {
		// The process was stopped, or the machine asleep: the peers' answers could not be read.
		h.base = h.base.Add(drift)
		h.shared.Log.Warn("away: deadlines are put off", "for", drift.Round(time.Millisecond).String())
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

// watchWallClock has expiries judged at once when the wall clock moved and the ticks did not: the process was stopped, the
// machine suspended, or the clock set.
func (h *Heartbeat) watchWallClock(tick wheel.Tick) {
	wall := h.shared.Clock.Today().Add(-time.Duration(tick) * TickLength)
	if step := wall.Sub(h.wall); step.Abs() <= forgivenAbsence {
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
		c.Cut(ClosedGone) // the reason of the close stands
		return
	}
	if stalled := wheel.Tick(c.Stalled.Load()); stalled != 0 && now >= stalled+h.Stall {
		c.Cut(ClosedSlow)
		return
	}
	if c.Closing() {
		return
	}
	if t := c.Handler.Timers(); t != nil {
		h.checkTimers(c, t, now)
		return
	}
	seen, pinged := wheel.Tick(c.Seen.Load()), wheel.Tick(c.Pinged.Load())
	if pinged != 0 && seen >= pinged {
		pinged = 0
		c.Pinged.Store(0)
	}
	switch {
	case pinged != 0 && now >= pinged+h.timeout && c.Stalled.Load() != 0:
		h.forgiveLag(c, pinged, now)
	case pinged != 0 && now >= pinged+h.timeout:
		c.Cut(ClosedPingTimeout)
	case pinged == 0 && now >= seen+h.interval:
		c.Pinged.Store(uint32(now))
		h.shared.Metrics.Pings.Inc()
		c.Shard.Post(Job{Do: SendPing, Conn: c, Frame: c.Handler.PingFrame()})
	}
}

// checkTimers does what is due for a connection of a protocol that pings by itself. Its client counts on a ping each interval, whatever
// else it hears, and what it owes is the answer to that ping, whatever else it says.
func (h *Heartbeat) checkTimers(c *Conn, t *Timers, now wheel.Tick) {
	if by := wheel.Tick(t.Deadline.Load()); by != 0 && now >= by && t.Deadline.CompareAndSwap(uint32(by), 0) {
		c.Poller().Post(func() { c.Handler.OnDeadline(false) })
	}
	pinged, at := wheel.Tick(c.Pinged.Load()), wheel.Tick(t.PingAt.Load())
	switch {
	case pinged != 0 && now >= pinged+h.timeout && c.Is(Held):
		// Nothing is read of it: the answer may be there. When it is read again it gets that time back.
	case pinged != 0 && now >= pinged+h.timeout && c.Stalled.Load() != 0:
		h.forgiveLag(c, pinged, now)
	case pinged != 0 && now >= pinged+h.timeout:
		c.End(ClosedPingTimeout, "")
	case pinged == 0 && at != 0 && now >= at:
		c.Pinged.Store(uint32(now))
		t.PingAt.Store(uint32(now + h.interval))
		h.shared.Metrics.Pings.Inc()
		c.Shard.Post(Job{Do: SendPing, Conn: c, Frame: c.Handler.PingFrame()})
	}
}

// expireUnfinished ends the connections whose messages have exceeded messageTimeout. Called on the heartbeat.
func (h *Heartbeat) expireUnfinished(now wheel.Tick) {
	for _, c := range h.shared.Unfinished.Expire(now) {
		c.endUnfinished("message not finished in time")
	}
}

// forgiveLag gives a reader whose socket is full more time to answer a ping, which may wait in that socket. What it is held to
// meanwhile is progress.
func (h *Heartbeat) forgiveLag(c *Conn, pinged, now wheel.Tick) {
	c.Pinged.CompareAndSwap(uint32(pinged), uint32(now))
}

// next is the nearest of c's deadlines.
func (h *Heartbeat) next(c *Conn) wheel.Tick {
	due := wheel.Tick(c.Seen.Load()) + h.interval
	t := c.Handler.Timers()
	if t != nil {
		due = wheel.Tick(t.PingAt.Load())
		if due == 0 {
			due = h.shared.Clock.Tick() + h.interval
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
		due = h.shared.Clock.Tick() + InTicks(CloseTimeout)
	}
	if stalled := wheel.Tick(c.Stalled.Load()); stalled != 0 {
		due = min(due, stalled+h.Stall)
	}
	if by := wheel.Tick(c.CloseBy.Load()); by != 0 {
		due = min(due, by)
	}
	return due
}

// Phase is when a new connection is taken to have been heard last: somewhere in the interval that ends now, so that
// connections that came together are not pinged together.
func (h *Heartbeat) Phase(c *Conn) wheel.Tick { return h.shared.Clock.Tick() - h.spread(c, h.interval) }

// FirstPing is when a client with timers is pinged first: in the second half of the interval that begins now, as the SDKs know it.
func (h *Heartbeat) FirstPing(c *Conn) wheel.Tick {
	half := h.interval / 2
	return h.shared.Clock.Tick() + half + h.spread(c, h.interval-half)
}

// spread is c's part of a time that all connections share.
func (h *Heartbeat) spread(c *Conn, over wheel.Tick) wheel.Tick {
	const golden = 2654435769 // 2^32 / phi: neighbours are spread as far apart as can be
	return wheel.Tick(uint64(uint32(c.Id)*golden) * uint64(over) >> 32)
}

func (h *Heartbeat) remove(c *Conn) {
	h.Mu.Lock()
	h.wheel.Remove(c)
	h.Mu.Unlock()
}

// limitClose gives the peer its time to end the connection from its side.
func (h *Heartbeat) limitClose(c *Conn) {
	c.CloseBy.Store(uint32(h.shared.Clock.Tick() + InTicks(CloseTimeout)))
	h.File(c)
}

// limitStall gives a full socket its time to make progress.
func (h *Heartbeat) limitStall(c *Conn) {
	c.Stalled.Store(uint32(h.shared.Clock.Tick()))
	h.File(c)
}

// File puts c at the nearest of its deadlines. What makes one nearer is stored before, so that an entry which is being
// checked meanwhile is filed by it, too.
func (h *Heartbeat) File(c *Conn) {
	h.Mu.Lock()
	if !c.Is(Left) {
		h.wheel.File(c, h.next(c))
	}
	h.Mu.Unlock()
}
