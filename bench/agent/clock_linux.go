package agent

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// clockOffset is CLOCK_MONOTONIC at the moment started.
var clockOffset = func() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // one process agrees with itself all the same, and sleepUntil falls back
	}
	return t.Nano() - int64(time.Since(started))
}()

// sleepUntil waits for a moment of the clock now. Go's timers round up to whole milliseconds when the process is idle,
// which would be ten times the latency to be measured; the kernel's own sleep keeps to some 50 µs.
func sleepUntil(at int64) {
	if clockOffset == 0 {
		time.Sleep(time.Duration(at - Now()))
		return
	}
	t := unix.NsecToTimespec(at - shift)
	for {
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &t, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
