package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// procfs is the directory in which the kernel shows its processes: /proc, or a test's.
type procfs string

const proc procfs = "/proc"

// of is the path of a process's file.
func (pf procfs) of(pid int, file string) string {
	return filepath.Join(string(pf), strconv.Itoa(pid), file)
}

// Read reads the usage of a process until now. Set memory to read PSS: the kernel locks the process's address space for a moment. PSS is 0
// if this user may not read it.
func Read(pid int, memory bool) (Usage, error) {
	u, err := proc.usage(pid, memory)
	if err != nil {
		return u, fmt.Errorf("observe process %d: %w", pid, err)
	}
	return u, nil
}

func (pf procfs) usage(pid int, memory bool) (Usage, error) {
	u := Usage{At: monotonic()}
	// The clock of its processor time, as clock_getcpuclockid(3) numbers it: nanoseconds, ended threads included.
	var cpu unix.Timespec
	clockErr := unix.ClockGettime(int32(^pid<<3|2), &cpu)
	s, err := take(pf.of(pid, "stat"), parseStat)
	if err != nil {
		return u, err
	}
	u.CPU, u.RSS = s.cpu, s.rss
	if clockErr == nil {
		u.CPU = time.Duration(cpu.Nano())
	}
	if !memory {
		return u, nil
	}
	kib, err := take(pf.of(pid, "smaps_rollup"), field("Pss:"))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return u, nil // another user's process, or a kernel before 4.14
	}
	u.PSS = kib << 10
	return u, err
}

// monotonic is the time in nanoseconds of the clock that all processes of the machine share.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(fmt.Sprintf("observe: CLOCK_MONOTONIC: %v", err)) // Go's own runtime does not start without it
	}
	return t.Nano()
}

// FindListener is the process that listens at the address on this machine: the first of those that share the socket. It is 0 where
// none is seen; another user's process is seen by root only.
func FindListener(at netip.AddrPort) int {
	var tables [2]string
	for i, name := range []string{"net/tcp", "net/tcp6"} {
		text, err := os.ReadFile(filepath.Join(string(proc), name))
		if err == nil {
			tables[i] = string(text)
		}
	}
	inode := listener(at, tables[0], tables[1])
	if inode == "" {
		return 0
	}
	entries, err := os.ReadDir(string(proc))
	if err != nil {
		return 0
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids) // a server that has forked comes before its children
	for _, pid := range pids {
		if proc.holds(pid, "socket:["+inode+"]") {
			return pid
		}
	}
	return 0
}

// holds says whether one of the process's open files is the named one.
func (pf procfs) holds(pid int, name string) bool {
	files, err := os.ReadDir(pf.of(pid, "fd"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(files, func(f fs.DirEntry) bool {
		link, err := os.Readlink(filepath.Join(pf.of(pid, "fd"), f.Name()))
		return err == nil && link == name
	})
}

// Command is how the process was started, in 100 bytes at most; empty where that is not seen.
func Command(pid int) string {
	text, err := os.ReadFile(proc.of(pid, "cmdline"))
	if err != nil {
		return ""
	}
	return commandLine(string(text))
}

// commandLine is the text of a cmdline, made fit for a terminal.
func commandLine(text string) string {
	const maxBytes = 100
	args := strings.Split(strings.TrimRight(text, "\x00"), "\x00")
	if args[0] != "" {
		args[0] = filepath.Base(args[0])
	}
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(strings.Join(args, " "), "?"))
	if len(line) <= maxBytes {
		return line
	}
	const more = "..."
	return strings.ToValidUTF8(line[:maxBytes-len(more)], "") + more
}

// Busy is how long the processors of this machine were not idle since it began, all together; false where that cannot be told.
func Busy() (time.Duration, bool) {
	busy, err := take(filepath.Join(string(proc), "stat"), parseBusy)
	return busy, err == nil
}

// TCPMemory is what the TCP sockets of the machine hold, in bytes; 0 where it cannot be told.
func TCPMemory() int64 {
	pages, err := take(filepath.Join(string(proc), "net/sockstat"), entry("TCP:", "mem"))
	if err != nil {
		return 0
	}
	return pages * pageSize
}
