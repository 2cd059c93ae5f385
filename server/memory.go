package server

import (
	"runtime/debug"
	"time"
)

// minReleased is the change in the number of connections after which memory is released.
const minReleased = 1000

// releaseMemory returns memory to the system after many connections have opened or closed, until quit is closed. live returns the number of
// connections. Otherwise the garbage of their handshakes would stay for minutes.
func releaseMemory(live func() int64, quit <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	released, last, calm := int64(0), int64(0), 0
	for {
		select {
		case <-quit:
			return
		case <-ticker.C:
		}
		now := live()
		if abs(now-last) > minReleased/20 {
			calm = 0
		} else {
			calm++
		}
		last = now
		if calm >= 3 && abs(now-released) >= minReleased {
			debug.FreeOSMemory()
			released = now
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }
