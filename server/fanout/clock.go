package fanout

import (
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// TickLength is the resolution of deadlines. A shorter tick costs CPU: each time the idle process wakes, the monitor thread of the Go runtime
// wakes dozens of times (15,000 idle connections: 0.9 % of a core; 1.4 % with 100 ms).
const TickLength = 500 * time.Millisecond

// FirstTick is the tick of the start. It leaves room for 34 years before the start, for times that a log has kept, and for 0 to mean never; and for
// 34 years after it.
const FirstTick = 1 << 31

// clock counts ticks since the start; the heartbeat advances it. It does not advance while the process is suspended, so that no deadline
// passes meanwhile. Any goroutine may read it.
type clock struct {
	Started time.Time
	Ticks   atomic.Uint32
	Shifted atomic.Int64 // nanoseconds by which tests have moved the wall clock
}

// NewClock returns a clock whose ticks begin at FirstTick.
func NewClock() *clock {
	c := &clock{Started: time.Now()}
	c.Ticks.Store(FirstTick)
	return c
}

// Tick returns the current tick, for deadlines. It costs one atomic load.
func (k *clock) Tick() wheel.Tick { return wheel.Tick(k.Ticks.Load()) }

// Now returns the time since the start, for rates.
func (k *clock) Now() time.Duration { return time.Since(k.Started) }

// wall returns the wall-clock time of a tick, for display.
func (k *clock) wall(t wheel.Tick) time.Time {
	return time.Now().Add(-time.Duration(k.Tick()-t) * TickLength)
}

// WallNow returns the wall-clock time, for expiries. It has no monotonic reading, because that stops while the machine is suspended.
func (k *clock) WallNow() time.Time { return time.Now().Add(time.Duration(k.Shifted.Load())).Round(0) }

// InTicks returns a duration in ticks, rounded up.
func InTicks(d time.Duration) wheel.Tick {
	return wheel.Tick((d + TickLength - 1) / TickLength)
}
