package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc. USER_HZ is 100 on every Linux that Go supports.
const clockTick = 10 * time.Millisecond

var pageSize = int64(os.Getpagesize())

// take reads a file and parses it. Its errors contain the name of the file.
func take[T any](file string, parse func(text string) (T, error)) (v T, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return v, err
	}
	if v, err = parse(string(text)); err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return v, err
}

// stat has fields of /proc/PID/stat.
type stat struct {
	name string
	cpu  time.Duration
	rss  int64 // bytes
}

func parseStat(text string) (s stat, err error) {
	// The name is in parentheses and may contain parentheses itself.
	open, shut := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || shut < open {
		return s, errors.New("no name in parentheses")
	}
	s.name = text[open+1 : shut]
	f := strings.Fields(text[shut+1:]) // from the third field, the state
	if len(f) < 22 {
		return s, fmt.Errorf("only %d fields after the name, must be 22", len(f))
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	pages, err3 := strconv.ParseInt(f[21], 10, 64)
	s.cpu, s.rss = time.Duration(user+system)*clockTick, pages*pageSize
	return s, errors.Join(err1, err2, err3)
}

// parseSchedstat returns the time for which a thread ran.
func parseSchedstat(text string) (time.Duration, error) {
	first, _, _ := strings.Cut(text, " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// switches counts the context switches of a thread, by its own choice and by the scheduler's.
type switches struct{ voluntary, involuntary uint64 }

func parseSwitches(text string) (switches, error) {
	voluntary, err1 := field("voluntary_ctxt_switches:")(text)
	involuntary, err2 := field("nonvoluntary_ctxt_switches:")(text)
	return switches{voluntary: uint64(voluntary), involuntary: uint64(involuntary)}, errors.Join(err1, err2)
}

// parseBusy returns the time for which the machine's processors were not idle.
func parseBusy(text string) (time.Duration, error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 8 || f[0] != "cpu" {
		return 0, errors.New("no line cpu with 7 numbers")
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, irq, softirq; 4 and 5 are idle and iowait
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

var errAbsent = errors.New("not in the file")

// field returns a parser of the number after a name at the beginning of a line.
func field(name string) func(text string) (int64, error) {
	return func(text string) (int64, error) {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, name); ok {
				number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
				return strconv.ParseInt(number, 10, 64)
			}
		}
		return 0, fmt.Errorf("%s %w", name, errAbsent)
	}
}

// entry returns a parser of the number after a name in a line of names and numbers, such as TCP: inuse 5 orphan 0.
func entry(start, name string) func(text string) (int64, error) {
	return func(text string) (int64, error) {
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) == 0 || f[0] != start {
				continue
			}
			if i := slices.Index(f, name); i > 0 && i+1 < len(f) {
				return strconv.ParseInt(f[i+1], 10, 64)
			}
		}
		return 0, fmt.Errorf("%s %s %w", start, name, errAbsent)
	}
}

// column returns a parser of a number in a table that has its names in one line and its numbers in the next.
func column(table, name string) func(text string) (int64, error) {
	return func(text string) (int64, error) {
		at := 0
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			switch {
			case len(f) == 0 || f[0] != table:
			case at == 0:
				if at = slices.Index(f, name); at < 0 {
					return 0, fmt.Errorf("%s %s %w", table, name, errAbsent)
				}
			case at < len(f):
				return strconv.ParseInt(f[at], 10, 64)
			}
		}
		return 0, fmt.Errorf("%s %s %w", table, name, errAbsent)
	}
}

// listener returns the inode of the socket that listens at the address, or else at its port on every address, or an empty string. tcp and
// tcp6 are the kernel's tables.
func listener(at netip.AddrPort, tcp, tcp6 string) string {
	const listening = "0A"
	sockets := map[string]string{} // inodes by address
	for _, table := range []string{tcp, tcp6} {
		for line := range strings.Lines(table) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == listening {
				sockets[f[1]] = f[9]
			}
		}
	}
	addr := at.Addr().Unmap()
	places := []netip.Addr{addr, netip.IPv6Unspecified()}
	if addr.Is4() {
		places = []netip.Addr{addr, netip.AddrFrom16(addr.As16()), netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	for _, place := range places {
		if inode, ok := sockets[tableAddress(place, at.Port())]; ok {
			return inode
		}
	}
	return ""
}

// tableAddress returns an address in the form of the kernel's tables: words of 32 bits in the machine's byte order.
func tableAddress(a netip.Addr, port uint16) string {
	var b strings.Builder
	for word := range slices.Chunk(a.AsSlice(), 4) {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(word))
	}
	fmt.Fprintf(&b, ":%04X", port)
	return b.String()
}

// parseThrottled returns the time for which a quota stopped a control group, or 0 without a quota.
func parseThrottled(text string) (time.Duration, error) {
	us, err := field("throttled_usec ")(text) // version 2
	if !errors.Is(err, errAbsent) {
		return time.Duration(us) * time.Microsecond, err
	}
	ns, err := field("throttled_time ")(text) // version 1
	if !errors.Is(err, errAbsent) {
		return time.Duration(ns), err
	}
	return 0, nil
}
