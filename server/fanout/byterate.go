package fanout

import (
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// byteRate is a limit in bytes per second; 0 for no limit.
type byteRate int

const (
	BurstOfBytes = 4 * time.Second  // burst: the bytes of this time may come at once
	Regained     = time.Second      // part of the burst that is free again once a connection no longer exceeds the rate; more than a tick
	PaceLimit    = 30 * time.Second // time for which a connection may exceed the rate
)

// spend charges n bytes to m. now is the time since the start of the server.
func (br byteRate) spend(m *limiter.Meter, now time.Duration, n int) {
	if br > 0 {
		*m = limiter.Meter(max(time.Duration(*m), now) + time.Duration(n)*time.Second/time.Duration(br))
	}
}
