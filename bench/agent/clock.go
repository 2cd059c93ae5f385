package agent

import "time"

// started anchors the clock. Reading Go's monotonic time since started is cheaper than any other clock.
var started = time.Now()

// shift is added to this process's clock, so that it agrees with the coordinator's clock on another host, in nanoseconds. It is set before
// a run begins and does not change during the run.
var shift int64

// Now returns the monotonic time in nanoseconds. On Linux it is CLOCK_MONOTONIC, so all processes of a host agree on it.
func Now() int64 { return int64(time.Since(started)) + clockOffset + shift }
