//go:build !linux

package bench

import "syscall"

func lateBind(_, _ string, _ syscall.RawConn) error { return nil }

// portsPerSource is how many connections one source address can have to one target.
func portsPerSource() int { return 16_384 }

// manySources says that all of 127.0.0.0/8 is this machine.
const manySources = false
