package server

import (
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// tickLength is how exact deadlines are. A shorter one costs more than it looks: each time the idle process wakes, the
// runtime's monitor thread wakes with it, dozens of times (15,000 idle connections: 0.9 % of a core, 1.4 % at 100 ms).
const tickLength = 500 * time.Millisecond

// firstTick leaves room for moments before the start, and for 0 to mean never.
const firstTick = 1 << 20

// clock is the time that deadlines are measured in: ticks since the start, as the heartbeat counts them. It stands still
// while the process does, so nobody is late because we were away.
type clock struct {
	started time.Time
	ticks   atomic.Uint32
	shifted atomic.Int64 // nanoseconds by which tests have moved the wall clock
}

func newClock() *clock {
	c := &clock{started: time.Now()}
	c.ticks.Store(firstTick)
	return c
}

// tick is now, for deadlines. One atomic load.
func (c *clock) tick() wheel.Tick { return wheel.Tick(c.ticks.Load()) }

// now is the time since the start, for rates.
func (c *clock) now() time.Duration { return time.Since(c.started) }

// wall is the time of day of a tick, for people.
func (c *clock) wall(t wheel.Tick) time.Time {
	return time.Now().Add(-time.Duration(c.tick()-t) * tickLength)
}

// today is the wall-clock time, for expiries. It has no monotonic reading, which stands still while the machine is suspended.
func (c *clock) today() time.Time { return time.Now().Add(time.Duration(c.shifted.Load())).Round(0) }

func inTicks(d time.Duration) wheel.Tick {
	return wheel.Tick((d + tickLength - 1) / tickLength)
}
