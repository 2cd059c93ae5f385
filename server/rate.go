package server

import "time"

// rateLimit is how often something may happen; the zero value allows everything. It is the generic cell rate algorithm
// (ITU-T I.371): one integer a connection, no timer.
type rateLimit struct {
	every time.Duration // between two, on average
	burst time.Duration // how far ahead of that average one may run
}

// meter is the moment at which a connection will have used up what it did so far.
type meter time.Duration

func perSecond(n int) rateLimit {
	if n == 0 {
		return rateLimit{}
	}
	every := time.Second / time.Duration(n)
	return rateLimit{every: every, burst: burstSeconds * time.Second}
}

// allow says whether n more may happen now, and if so counts them.
func (r rateLimit) allow(m *meter, now time.Duration, n int) bool {
	if r.every == 0 {
		return true
	}
	next := max(time.Duration(*m), now) + time.Duration(n)*r.every
	if next-now > r.burst {
		return false
	}
	*m = meter(next)
	return true
}
