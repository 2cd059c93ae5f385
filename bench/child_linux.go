package bench

import "syscall"

// childAttributes keeps Ctrl-C of the terminal from the child, because Stop ends it. If this process is killed, the kernel ends the child.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
