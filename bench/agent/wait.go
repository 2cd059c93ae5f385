package agent

import (
	"context"
	"time"
)

// until waits until the time at of the clock, or until ctx ends.
func until(ctx context.Context, at int64) {
	timer := time.NewTimer(time.Duration(at - Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) { until(ctx, Now()+int64(d)) }

// wait calls done every few milliseconds. It returns when done returns true, after the time most, or when ctx ends.
func wait(ctx context.Context, most time.Duration, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for !done() && ctx.Err() == nil {
		pause(ctx, 20*time.Millisecond)
	}
}
