package bench

import (
	"syscall"
	"time"
)

// usage is what a process has used until a moment. Memory is in bytes; 0 where it cannot be told.
type usage struct {
	at  int64 // nanoseconds of the clock
	cpu time.Duration
	rss int64
	pss int64 // shared pages divided by who shares them: the honest figure
}

// ownCPU is the processor time this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
