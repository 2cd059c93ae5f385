package server

import (
	"math"
	"time"
)

// expiry is when a token ends, by the wall clock: seconds since 1970, 0 for never. Ticks stand still while the process does;
// a token does not.
type expiry uint32

// expiryOf rounds up to seconds; the zero time is never. A moment beyond 2106 counts as 2106.
func expiryOf(t time.Time) expiry {
	if t.IsZero() {
		return 0
	}
	return expiry(min(max(t.Add(time.Second-1).Unix(), 1), math.MaxUint32))
}

// end is when the holder of an expired token has to have a new one; the zero time for never.
func (e expiry) end() time.Time {
	if e == 0 {
		return time.Time{}
	}
	return time.Unix(int64(e), 0).Add(expiryGrace)
}

// over says whether the token and its grace have ended.
func (e expiry) over(now time.Time) bool { return e != 0 && !now.Before(e.end()) }

const maxMoment = 10 * 366 * 24 * time.Hour
