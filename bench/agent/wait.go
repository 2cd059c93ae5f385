package agent

import (
	"context"
	"time"
)

// until waits for a moment of the clock, or for ctx.
func until(ctx context.Context, at int64) {
	timer := time.NewTimer(time.Duration(at - Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pause is until for a time from now.
func pause(ctx context.Context, d time.Duration) { until(ctx, Now()+int64(d)) }

// wait calls done every few milliseconds until it is true, or the time is over, or ctx is.
func wait(ctx context.Context, most time.Duration, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for !done() && ctx.Err() == nil {
		pause(ctx, 20*time.Millisecond)
	}
}
