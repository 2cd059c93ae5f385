package limiter

import (
	"maps"
	"time"
)

// Parked keeps the meters of clients that are not connected, so a reconnect does not give a new burst. It drops meters that are unused
// again. Not safe for concurrent use.
type Parked[K comparable] struct {
	meters map[K]Meter
	swept  time.Duration
}

// Park stores the meter of a client that disconnects.
func (pk *Parked[K]) Park(client K, m Meter, now time.Duration) {
	if time.Duration(m) <= now {
		return
	}
	if pk.meters == nil {
		pk.meters = map[K]Meter{}
	}
	if now-pk.swept > BurstSeconds*time.Second {
		pk.swept = now
		maps.DeleteFunc(pk.meters, func(_ K, m Meter) bool { return time.Duration(m) <= now })
	}
	pk.meters[client] = m
}

// Resume removes and returns the meter of a client that connects.
func (pk *Parked[K]) Resume(client K) Meter {
	m := pk.meters[client]
	delete(pk.meters, client)
	return m
}
