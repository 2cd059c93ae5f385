package fanout

import (
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// ByteRate is how many bytes a second; 0 for no limit.
type ByteRate int

const (
	BurstOfBytes = 4 * time.Second  // of the rate that may be used up at once
	Regained     = time.Second      // of the rate that is free again when a connection no longer wants too much; over a tick
	PaceLimit    = 30 * time.Second // for which a connection may want more than the rate
)

// Spend counts n bytes.
func (br ByteRate) Spend(m *limiter.Meter, now time.Duration, n int) {
	if br > 0 {
		*m = limiter.Meter(max(time.Duration(*m), now) + time.Duration(n)*time.Second/time.Duration(br))
	}
}
