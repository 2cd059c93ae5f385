package limiter

import "time"

// BurstSeconds is the burst of a rate limit, in seconds of its rate.
const BurstSeconds = 2

// Rate is a rate limit; the zero value is no limit. It uses the generic cell rate algorithm (ITU-T I.371): the state of a client is one
// integer (Meter), without a timer.
type Rate struct {
	Every time.Duration // average interval between two events
	Burst time.Duration // how far a client may be ahead of that average
}

// Meter is the state of a client under a rate limit: the theoretical arrival time of its next event. The zero value is unused. Not safe for
// concurrent use.
type Meter time.Duration

// PerSecond returns a limit of n events per second with a burst of BurstSeconds; 0: no limit.
func PerSecond(n int) Rate {
	if n == 0 {
		return Rate{}
	}
	every := time.Second / time.Duration(n)
	return Rate{Every: every, Burst: BurstSeconds * time.Second}
}

// Allow counts n events, or returns false if they exceed the limit.
func (r Rate) Allow(m *Meter, now time.Duration, n int) bool {
	if r.Every == 0 {
		return true
	}
	next := max(time.Duration(*m), now) + time.Duration(n)*r.Every
	if next-now > r.Burst {
		return false
	}
	*m = Meter(next)
	return true
}

// Overdrawn reports whether the burst is used up.
func (r Rate) Overdrawn(m Meter, now time.Duration) bool {
	return r.Every > 0 && time.Duration(m)-now >= r.Burst
}

// Charge counts n events even if they exceed the limit. A negative n undoes a count.
func (r Rate) Charge(m *Meter, now time.Duration, n int) {
	*m = Meter(max(time.Duration(*m), now) + time.Duration(n)*r.Every)
}

// AboveAverage returns how many counted events are above the average rate.
func (r Rate) AboveAverage(m Meter, now time.Duration) int {
	if r.Every == 0 {
		return 0
	}
	return int(max(time.Duration(m)-now, 0) / r.Every)
}

// Undo undoes the count of one event.
func (r Rate) Undo(m *Meter) { *m -= Meter(r.Every) }
