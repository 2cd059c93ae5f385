// Package observe reads what a process has used, and what the kernel below it counts: what a load test shows beside its figures.
// It only looks: it asks /proc, the process's control group and its /metrics, and changes nothing. Elsewhere than on Linux it knows
// no more than this process's own usage and /metrics.
package observe

import (
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// Usage is what a process has used until a moment. Memory is in bytes; 0 where it cannot be told.
type Usage struct {
	At  int64 // nanoseconds of CLOCK_MONOTONIC
	CPU time.Duration
	RSS int64
	PSS int64 // shared pages divided by who shares them: the honest figure
}

// Own is what this process has used. PSS is in bytes; 0 where it was not asked for or cannot be told.
type Own struct {
	CPU       time.Duration
	GCPause   time.Duration
	Throttled time.Duration // by the CPU quotas of its control groups, since those began; 0 where that cannot be told
	PSS       int64
}

// ReadOwn reads what this process has used until now. Memory stops it for a moment, longer the more it has.
func ReadOwn(memory bool) (o Own) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
		o.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	o.GCPause = gc.PauseTotal
	o.Throttled = ownThrottled()
	if memory {
		if u, err := Read(os.Getpid(), true); err == nil {
			o.PSS = u.PSS
		}
	}
	return o
}
