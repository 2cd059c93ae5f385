package doctor

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// The memory of a connection in bytes, rounded up from measurements (docs/benchmarks): of the server, of the bench, and of the kernel on
// either end.
const (
	serverPer = 1 << 10
	benchPer  = 1 << 10
	kernelPer = 5 << 10
	programs  = 64 << 20 // the two programs without connections
)

const elsewhere = "hold the connections on another host: throng bench agent --listen there, and --remote here"

func memory(m *Machine, n uint64) (Check, []setting) {
	const file = "proc/meminfo"
	text, _ := m.text(file)
	free, ok := line(text, "MemAvailable:")
	if !ok {
		return lost("free memory", file)
	}
	return enough("free memory", free<<10, n, "use a machine with more memory, or fewer connections"), nil
}

// groupMemory checks the memory that the tightest control group leaves.
func groupMemory(m *Machine, n uint64) (Check, []setting) {
	const name = "memory of the control group"
	least, which := uint64(0), ""
	for _, dir := range m.groups("memory") {
		for _, files := range [][2]string{{"memory.max", "memory.current"}, {"memory.limit_in_bytes", "memory.usage_in_bytes"}} {
			most, ok := m.number(path.Join(dir, files[0]))
			if !ok || most > 1<<60 { // "max", or the large number of version 1
				continue
			}
			used, _ := m.number(path.Join(dir, files[1]))
			if left := most - min(most, used); which == "" || left < least {
				least, which = left, "/"+path.Join(dir, files[0])
			}
		}
	}
	if which == "" {
		return Check{}, nil
	}
	return enough(name, least, n, "raise "+which+" (MemoryMax= of a systemd unit, the memory limit of a container)"), nil
}

func enough(name string, have, n uint64, fix string) Check {
	server, both := programs+n*(serverPer+kernelPer), 2*programs+n*(serverPer+benchPer+2*kernelPer)
	c := Check{Name: name, Grade: OK, Have: amount(have), Want: amount(both)}
	switch {
	case have >= both:
		return c
	case have < server:
		c.Grade, c.Why = Stop, fmt.Sprintf("the server and its sockets alone need %s; if memory runs out, the kernel kills processes", amount(server))
	default:
		c.Grade, c.Why = Warn, fmt.Sprintf("sufficient for the server (%s), but not for a server and a bench on this machine", amount(server))
		c.Fix = []string{elsewhere}
	}
	c.Fix = append(c.Fix, fix)
	return c
}

// groupCPU checks the CPU quota of the control groups.
func groupCPU(m *Machine, _ uint64) (Check, []setting) {
	quota, which := 0.0, ""
	for _, dir := range m.groups("cpu") {
		var part, whole string
		if text, ok := m.text(path.Join(dir, "cpu.max")); ok {
			part, whole, _ = strings.Cut(text, " ")
		} else {
			part, _ = m.text(path.Join(dir, "cpu.cfs_quota_us"))
			whole, _ = m.text(path.Join(dir, "cpu.cfs_period_us"))
		}
		p, err1 := strconv.ParseFloat(part, 64)
		w, err2 := strconv.ParseFloat(whole, 64)
		if err1 != nil || err2 != nil || p <= 0 || w <= 0 { // "max", or -1
			continue
		}
		if which == "" || p/w < quota {
			quota, which = p/w, "/"+dir
		}
	}
	if which == "" {
		return Check{}, nil
	}
	c := Check{Name: "CPU quota", Grade: OK, Have: fmt.Sprintf("%.2f cores", quota), Want: "1.00 cores"}
	if quota < 1 {
		c.Grade, c.Why = Warn, "a process that has used its quota stops until the next period, and that time is part of the latency"
		c.Fix = []string{"raise the quota of " + which + " (CPUQuota= of a systemd unit, the CPU limit of a container)"}
	}
	return c, nil
}

// groupProcesses checks the number of threads that the control groups leave.
func groupProcesses(m *Machine, _ uint64) (Check, []setting) {
	const want = 64 // threads of a server and a bench; their number does not depend on the connections
	least, which := uint64(0), ""
	for _, dir := range m.groups("pids") {
		most, ok1 := m.number(path.Join(dir, "pids.max"))
		now, ok2 := m.number(path.Join(dir, "pids.current"))
		if left := most - min(most, now); ok1 && ok2 && (which == "" || left < least) {
			least, which = left, "/"+path.Join(dir, "pids.max")
		}
	}
	if which == "" {
		return Check{}, nil
	}
	c := Check{Name: "threads of the control group", Grade: OK, Have: thousands(least), Want: thousands(want)}
	if least < want {
		c.Grade, c.Why = Stop, "a Go program that cannot start a thread exits"
		c.Fix = []string{"raise " + which + " (TasksMax= of a systemd unit)"}
	}
	return c, nil
}

func cores(m *Machine, _ uint64) (Check, []setting) {
	c := Check{Name: "cores", Grade: OK, Have: strconv.Itoa(m.Cores), Want: "2"}
	if m.Cores < 2 {
		c.Grade, c.Why = Warn, "a bench on this machine takes CPU from the server that it measures"
		c.Fix = []string{elsewhere}
	}
	return c, nil
}

// clock checks the clock source, because throng reads the clock once per read of a socket.
func clock(m *Machine, _ uint64) (Check, []setting) {
	const dir = "sys/devices/system/clocksource/clocksource0/"
	now, ok := m.text(dir + "current_clocksource")
	if !ok || now == "" {
		return lost("clock", dir+"current_clocksource")
	}
	c := Check{Name: "clock", Grade: OK, Have: now}
	switch now {
	case "tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page":
		return c, nil
	}
	c.Grade, c.Why, c.Want = Warn, "each reading of the clock is a system call of 1 µs or more", "tsc"
	c.Fix = []string{"use another kernel or virtual machine: this one has no clock that a program can read without a system call"}
	if offered, _ := m.text(dir + "available_clocksource"); strings.Contains(" "+offered+" ", " tsc ") {
		c.Fix = []string{"echo tsc > /" + dir + "current_clocksource", "clocksource=tsc on the kernel's command line, to keep it after a restart"}
	}
	return c, nil
}

// line returns the number after a name at the beginning of a line.
func line(text, name string) (uint64, bool) {
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, name); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, err := strconv.ParseUint(number, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
