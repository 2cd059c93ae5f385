//go:build !linux

package bench

import "syscall"

// childAttributes keeps Ctrl-C of the terminal from the child, because Stop ends it.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
