// Package observe reads the resource usage of a process, and counters of its kernel, for the result of a load test. It reads /proc, the
// process's control groups and its /metrics, and changes nothing. On systems other than Linux it only reads /metrics and this process's own
// usage.
package observe

import (
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// Usage is the resource usage of a process up to a moment. Memory is in bytes; 0 if not known.
type Usage struct {
	At  int64 // nanoseconds of CLOCK_MONOTONIC
	CPU time.Duration
	RSS int64
	PSS int64 // shared pages are divided by the number of their users
}

// Own is the resource usage of this process. PSS is in bytes; 0 if not requested or not known.
type Own struct {
	CPU       time.Duration
	GCPause   time.Duration
	Throttled time.Duration // time for which the CPU quotas of its control groups stopped it, since they exist; 0 if not known
	PSS       int64
}

// ReadOwn reads the usage of this process until now. Set memory to read PSS: the kernel stops the process for that, longer with more
// memory.
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
