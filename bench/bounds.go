package bench

import "time"

// The bounds of the verdicts CLIENT-LIMITED and NOT STEADY.
const (
	leastAchieved = 0.99             // share of the offered rate that must be sent
	leastShort    = 2                // missing messages that are always allowed
	leastLag      = time.Millisecond // p99 of the send delay that is always allowed
	lagShare      = 0.1              // allowed p99 of the send delay, as a share of the median latency
	mostBusy      = 0.85             // share of its CPU that an agent may use
	mostThrottled = 0.01             // share of the measured time for which CPU quotas may stop an agent
	mostDrift     = 0.1              // allowed change over the measured part, as a share of the mean
	certainDrift  = 3                // Student's t from which on a change counts
)
