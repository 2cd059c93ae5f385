package session

import (
	"math"
	"time"
)

// ExpiryGrace is the time to send a new token: an SDK requests one when the old one expires.
const ExpiryGrace = 10 * time.Second

// expiry is the expiry of a token by the wall clock: seconds since 1970, 0 for never. It does not count ticks, because these stop while the
// process is suspended.
type expiry uint32

// expiryOf returns a time rounded up to seconds; the zero time is never. A time after 2106 counts as 2106.
func expiryOf(t time.Time) expiry {
	if t.IsZero() {
		return 0
	}
	return expiry(min(max(t.Add(time.Second-1).Unix(), 1), math.MaxUint32))
}

// end returns when the client must have sent a new token; the zero time for never.
func (at expiry) end() time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(int64(at), 0).Add(ExpiryGrace)
}

// over reports whether the token and its grace period have ended.
func (at expiry) over(now time.Time) bool { return at != 0 && !now.Before(at.end()) }

// MaxMoment is the longest time to a deadline. A later one counts as this long.
const MaxMoment = 10 * 366 * 24 * time.Hour

// ttl returns the seconds until a time, for the protocol: 1 or more; 0 for the zero time.
func ttl(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(min(max(time.Until(t).Round(time.Second), time.Second), MaxMoment) / time.Second)
}
