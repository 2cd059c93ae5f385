package bench

import "time"

// started anchors the clock. Go's monotonic time since then is the cheapest one there is.
var started = time.Now()

// now is the monotonic time in nanoseconds. On Linux it is CLOCK_MONOTONIC, so that all processes of a machine agree on it.
func now() int64 { return int64(time.Since(started)) + clockOffset }
