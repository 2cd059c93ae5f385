package live

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"
)

// processCPU returns the CPU time that the process has used, in user and in kernel mode.
func processCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0 // the plot shows that nothing is known
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// residentBytes returns the memory of the process: what the kernel counts, or what the Go runtime has if there is no /proc.
func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(text); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
			return pages * uint64(os.Getpagesize())
		}
	}
	all := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(all)
	return all[0].Value.Uint64()
}

// machine returns the name of the machine, empty if it is not known.
func machine() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
