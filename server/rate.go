package server

import (
	"maps"
	"time"
)

const burstSeconds = 2 // of its rate that a meter allows at once

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

// overdrawn says whether all that a burst allows has been used.
func (r rateLimit) overdrawn(m meter, now time.Duration) bool {
	return r.every > 0 && time.Duration(m)-now >= r.burst
}

// charge counts n, even where that exceeds the burst. A negative n is given back.
func (r rateLimit) charge(m *meter, now time.Duration, n int) {
	*m = meter(max(time.Duration(*m), now) + time.Duration(n)*r.every)
}

// lately is how many of those that were counted the rate has not made up for yet.
func (r rateLimit) lately(m meter, now time.Duration) int {
	if r.every == 0 {
		return 0
	}
	return int(max(time.Duration(m)-now, 0) / r.every)
}

// giveBack takes back one that was counted and did not happen.
func (r rateLimit) giveBack(m *meter) { *m -= meter(r.every) }

// spent is how far those who went had used up their rate: coming back gives nobody another burst. Whoever could have all of it again
// is forgotten. Not safe for concurrent use.
type spent[K comparable] struct {
	meters map[K]meter
	tidied time.Duration
}

// goes remembers who goes.
func (s *spent[K]) goes(who K, m meter, now time.Duration) {
	if time.Duration(m) <= now {
		return
	}
	if s.meters == nil {
		s.meters = map[K]meter{}
	}
	if now-s.tidied > burstSeconds*time.Second {
		s.tidied = now
		maps.DeleteFunc(s.meters, func(_ K, m meter) bool { return time.Duration(m) <= now })
	}
	s.meters[who] = m
}

// comes is the meter of who comes.
func (s *spent[K]) comes(who K) meter {
	m := s.meters[who]
	delete(s.meters, who)
	return m
}
