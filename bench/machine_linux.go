package bench

import (
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/bench/result"
)

// machine describes this machine.
func machine() result.Env {
	e := result.Env{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			switch name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) {
			case "model name":
				e.CPU = strings.TrimSpace(value)
			case "processor":
				e.Machine++
			}
		}
	}
	e.Machine = max(e.Machine, e.Cores)
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		e.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		e.OpenFiles = limit.Max
	}
	return e
}
