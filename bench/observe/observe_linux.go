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

// procfs is the path of the proc file system: /proc, or a test's directory.
type procfs string

const proc procfs = "/proc"

// of returns the path of a file of a process.
func (pf procfs) of(pid int, file string) string {
	return filepath.Join(string(pf), strconv.Itoa(pid), file)
}

// Read reads the usage of a process until now. Set memory to read PSS: the kernel locks the process's address space for a moment. PSS is
// 0 if this user may not read it.
func Read(pid int, memory bool) (Usage, error) {
	u, err := proc.usage(pid, memory)
	if err != nil {
		return u, fmt.Errorf("observe process %d: %w", pid, err)
	}
	return u, nil
}

func (pf procfs) usage(pid int, memory bool) (Usage, error) {
	u := Usage{At: monotonic()}
	// The process's CPU clock, numbered as clock_getcpuclockid(3) does. It has nanoseconds and includes ended threads.
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

// monotonic returns the time of CLOCK_MONOTONIC in nanoseconds, which all processes of the machine share.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(fmt.Sprintf("observe: CLOCK_MONOTONIC: %v", err)) // Go's own runtime does not start without it
	}
	return t.Nano()
}

// FindListener returns the process that listens at the address on this machine, or 0. If several share the socket, it returns the first.
// Processes of other users are visible to root only.
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
	slices.Sort(pids) // a server comes before the processes that it forked
	for _, pid := range pids {
		if proc.holds(pid, "socket:["+inode+"]") {
			return pid
		}
	}
	return 0
}

// holds reports whether the process has an open file with the name.
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

// Command returns the command line of the process, cut to 100 bytes, or an empty string if it is not visible.
func Command(pid int) string {
	text, err := os.ReadFile(proc.of(pid, "cmdline"))
	if err != nil {
		return ""
	}
	return commandLine(string(text))
}

// commandLine converts the text of a cmdline file for a terminal.
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

// Busy returns the time for which the processors of this machine were not idle since its start, all together. It returns false if that is
// not known.
func Busy() (time.Duration, bool) {
	busy, err := take(filepath.Join(string(proc), "stat"), parseBusy)
	return busy, err == nil
}

// TCPMemory returns the memory of the machine's TCP sockets in bytes, or 0 if it is not known.
func TCPMemory() int64 {
	pages, err := take(filepath.Join(string(proc), "net/sockstat"), entry("TCP:", "mem"))
	if err != nil {
		return 0
	}
	return pages * pageSize
}
