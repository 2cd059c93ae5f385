//go:build !linux

package bench

import (
	"runtime"

	"github.com/throng-chat/throng/bench/result"
)

// machine describes this machine.
func machine() result.Env {
	return result.Env{Cores: runtime.NumCPU(), Machine: runtime.NumCPU(), Go: runtime.Version(), Kernel: runtime.GOOS}
}
