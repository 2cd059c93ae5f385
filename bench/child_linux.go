package bench

import "syscall"

// childAttributes keep the terminal's Ctrl-C from the child, as we end it when we are done with it, and end it with us
// where we cannot.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
