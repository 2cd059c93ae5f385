package bench

import "time"

// The bounds of the verdict CLIENT-LIMITED, and of NOT STEADY.
const (
	leastAchieved = 0.99             // of the offered rate
	leastShort    = 2                // messages that are always forgiven
	leastLag      = time.Millisecond // of the sends' p99 that is always forgiven
	lagShare      = 0.1              // of the median latency that the sends' lag may be
	mostBusy      = 0.85             // of what an agent can use
	mostThrottled = 0.01             // of the measured time that its control groups may hold it up
	mostDrift     = 0.1              // of the mean, over the measured part
	certainDrift  = 3                // Student's t
)
