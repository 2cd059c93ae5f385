package fanout

import (
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// TickLength is how exact deadlines are. A shorter one costs more than it looks: each time the idle process wakes, the
// runtime's monitor thread wakes with it, dozens of times (15,000 idle connections: 0.9 % of a core, 1.4 % at 100 ms).
const TickLength = 500 * time.Millisecond

// FirstTick leaves room for moments before the start, and for 0 to mean never.
const FirstTick = 1 << 20

// clock is the time that deadlines are measured in: ticks since the start, as the heartbeat counts them. It stands still
// while the process does, so nobody is late because we were away.
type clock struct {
	Started time.Time
	Ticks   atomic.Uint32
	Shifted atomic.Int64 // nanoseconds by which tests have moved the wall clock
}

func NewClock() *clock {
	c := &clock{Started: time.Now()}
	c.Ticks.Store(FirstTick)
	return c
}

// Tick is now, for deadlines. One atomic load.
func (k *clock) Tick() wheel.Tick { return wheel.Tick(k.Ticks.Load()) }

// Now is the time since the start, for rates.
func (k *clock) Now() time.Duration { return time.Since(k.Started) }

// wall is the time of day of a tick, for people.
func (k *clock) wall(t wheel.Tick) time.Time {
	return time.Now().Add(-time.Duration(k.Tick()-t) * TickLength)
}

// Today is the wall-clock time, for expiries. It has no monotonic reading, which stands still while the machine is suspended.
func (k *clock) Today() time.Time { return time.Now().Add(time.Duration(k.Shifted.Load())).Round(0) }

func InTicks(d time.Duration) wheel.Tick {
	return wheel.Tick((d + TickLength - 1) / TickLength)
}
