package agent

import "time"

// started anchors the clock. Go's monotonic time since then is the cheapest one there is.
var started = time.Now()

// shift is what this process adds to its clock so that it agrees with a coordinator's on another machine. It is set before a run
// begins and does not change during it.
var shift int64

// Now is the monotonic time in nanoseconds. On Linux it is CLOCK_MONOTONIC, so that all processes of a machine agree on it.
func Now() int64 { return int64(time.Since(started)) + clockOffset + shift }
