package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// observe reads what the process has used. withMemory costs the observed process's lock on its address space for a moment.
func observe(pid int, withMemory bool) (usage, error) {
	u := usage{at: now()}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("observe the server: %w", err)
	}
	// The name stands in parentheses and may hold anything, also those.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 22 {
		return u, fmt.Errorf("observe the server: /proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	pages, err3 := strconv.ParseInt(fields[21], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return u, fmt.Errorf("observe the server: /proc/%d/stat: %w", pid, err)
	}
	u.cpu = time.Duration(user+system) * clockTick
	u.rss = pages * int64(os.Getpagesize())
	if !withMemory {
		return u, nil
	}
	text, err = os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		// Another user's process: the rest is public.
		return u, nil
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return u, fmt.Errorf("observe the server: %s: %w", strings.TrimSpace(line), err)
			}
			u.pss = kib << 10
		}
	}
	return u, nil
}

// findServer is the process that listens at the address on this machine; 0 where none can be seen.
func findServer(at netip.AddrPort) int {
	inode := listeningInode(at)
	if inode == "" {
		return 0
	}
	want := "socket:[" + inode + "]"
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && link == want {
			if pid, err := strconv.Atoi(strings.Split(fd, "/")[2]); err == nil {
				return pid
			}
		}
	}
	return 0
}

// listeningInode is the socket that listens at the address, or at its port on every address.
func listeningInode(at netip.AddrPort) (any string) {
	port := fmt.Sprintf(":%04X", at.Port())
	a := at.Addr().As16()
	exact := fmt.Sprintf("%02X%02X%02X%02X", a[15], a[14], a[13], a[12]) + port
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			const listening = "0A"
			if len(f) < 10 || f[3] != listening || !strings.HasSuffix(f[1], port) {
				continue
			}
			if f[1] == exact {
				return f[9]
			}
			if strings.Trim(strings.TrimSuffix(f[1], port), "0") == "" {
				any = f[9]
			}
		}
	}
	return any
}

// commandOf is how the process was started.
func commandOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	args := strings.Split(strings.Trim(string(text), "\x00"), "\x00")
	args[0] = filepath.Base(args[0])
	if command := strings.ToValidUTF8(strings.Join(args, " "), "?"); len(command) <= 100 {
		return command
	} else {
		return strings.ToValidUTF8(command[:97], "") + "..."
	}
}
