//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// pin restricts a process to the first procs processors.
func pin(pid, procs int) error {
	var set unix.CPUSet
	for cpu := range procs {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(pid, &set)
}

// pinSelf leaves the first processor to the server.
func pinSelf() {
	if runtime.NumCPU() < 2 {
		return
	}
	var set unix.CPUSet
	for cpu := 1; cpu < runtime.NumCPU(); cpu++ {
		set.Set(cpu)
	}
	// Each thread has its own set; new threads inherit it.
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		fmt.Fprintln(os.Stderr, "not pinned:", err)
		return
	}
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil {
			if err := unix.SchedSetaffinity(tid, &set); err != nil {
				fmt.Fprintln(os.Stderr, "not pinned:", err)
			}
		}
	}
}

// raiseFiles raises the open-file limit to the highest allowed value.
func raiseFiles() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err == nil {
		limit.Cur = limit.Max
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "limit of open files:", err)
	}
}
