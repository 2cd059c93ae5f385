package session

import (
	"math"
	"time"
)

// ExpiryGrace is for a new token: an SDK asks for it when the old one has expired.
const ExpiryGrace = 10 * time.Second

// expiry is when a token ends, by the wall clock: seconds since 1970, 0 for never. Ticks stand still while the process does;
// a token does not.
type expiry uint32

// ExpiryOf rounds up to seconds; the zero time is never. A moment beyond 2106 counts as 2106.
func ExpiryOf(t time.Time) expiry {
	if t.IsZero() {
		return 0
	}
	return expiry(min(max(t.Add(time.Second-1).Unix(), 1), math.MaxUint32))
}

// End is when the holder of an expired token has to have a new one; the zero time for never.
func (at expiry) End() time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(int64(at), 0).Add(ExpiryGrace)
}

// Over says whether the token and its grace have ended.
func (at expiry) Over(now time.Time) bool { return at != 0 && !now.Before(at.End()) }

// MaxMoment is how far off a deadline counts, and what a client is told of one farther off.
const MaxMoment = 10 * 366 * 24 * time.Hour

// Ttl is how many seconds are left until a moment, as the protocol has it.
func Ttl(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(min(max(time.Until(t).Round(time.Second), time.Second), MaxMoment) / time.Second)
}
