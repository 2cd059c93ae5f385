package limiter

import (
	"maps"
	"time"
)

const BurstSeconds = 2 // of its rate that a meter allows at once

// Rate is how often something may happen; the zero value allows everything. It is the generic cell rate algorithm
// (ITU-T I.371): one integer a connection, no timer.
type Rate struct {
	Every time.Duration // between two, on average
	Burst time.Duration // how far ahead of that average one may run
}

// Meter is the moment at which a connection will have used up what it did so far.
type Meter time.Duration

func PerSecond(n int) Rate {
	if n == 0 {
		return Rate{}
	}
	every := time.Second / time.Duration(n)
	return Rate{Every: every, Burst: BurstSeconds * time.Second}
}

// Allow says whether n more may happen now, and if so counts them.
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

// Overdrawn says whether all that a burst allows has been used.
func (r Rate) Overdrawn(m Meter, now time.Duration) bool {
	return r.Every > 0 && time.Duration(m)-now >= r.Burst
}

// Charge counts n, even where that exceeds the burst. A negative n is given back.
func (r Rate) Charge(m *Meter, now time.Duration, n int) {
	*m = Meter(max(time.Duration(*m), now) + time.Duration(n)*r.Every)
}

// Lately is how many of those that were counted the rate has not made up for yet.
func (r Rate) Lately(m Meter, now time.Duration) int {
	if r.Every == 0 {
		return 0
	}
	return int(max(time.Duration(m)-now, 0) / r.Every)
}

// GiveBack takes back one that was counted and did not happen.
func (r Rate) GiveBack(m *Meter) { *m -= Meter(r.Every) }

// Parked is how far those who went had used up their rate: coming back gives nobody another burst. Whoever could have all of it again
// is forgotten. Not safe for concurrent use.
type Parked[K comparable] struct {
	Meters map[K]Meter
	tidied time.Duration
}

// Park remembers who goes.
func (s *Parked[K]) Park(who K, m Meter, now time.Duration) {
	if time.Duration(m) <= now {
		return
	}
	if s.Meters == nil {
		s.Meters = map[K]Meter{}
	}
	if now-s.tidied > BurstSeconds*time.Second {
		s.tidied = now
		maps.DeleteFunc(s.Meters, func(_ K, m Meter) bool { return time.Duration(m) <= now })
	}
	s.Meters[who] = m
}

// Resume is the meter of who comes.
func (s *Parked[K]) Resume(who K) Meter {
	m := s.Meters[who]
	delete(s.Meters, who)
	return m
}
