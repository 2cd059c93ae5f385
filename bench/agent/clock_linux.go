package agent

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// clockOffset is the value of CLOCK_MONOTONIC at the moment started, in nanoseconds.
var clockOffset = func() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // this process still agrees with itself, and sleepUntil falls back to time.Sleep
	}
	return t.Nano() - int64(time.Since(started))
}()

// sleepUntil sleeps until the time at of the clock Now. Go's timers round up to whole milliseconds in an idle process, which is ten times
// the latency to be measured. The kernel's own sleep is accurate to about 50 µs.
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
