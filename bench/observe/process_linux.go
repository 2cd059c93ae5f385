package observe

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// process is an observed process with the last values of its counters and its kernel's. A source that fails keeps its last value, so that
// the next row is correct again.
type process struct {
	proc procfs
	pid  int

	cpu, machine meter

	threads   map[int]thread
	threadsAt int64
	switches  switches // of all threads, ended ones included

	throttled, retransmits, overflows, drops counter
}

const maxThreads = 32 // in a row

func newProcess(pid int) *process { return &process{proc: proc, pid: pid} }

// meter converts CPU time into cores.
type meter struct {
	at   int64 // nanoseconds; 0 before the first reading
	used time.Duration
}

// cores returns the CPU time per second since the last reading, or 0 the first time.
func (m *meter) cores(at int64, used time.Duration) float64 {
	before := *m
	*m = meter{at: at, used: used}
	if before.at == 0 || at <= before.at {
		return 0
	}
	return max(0, float64(used-before.used)/float64(at-before.at))
}

// counter counts from its first value.
type counter struct {
	first, last int64
	started     bool
}

func (c *counter) set(v int64) {
	if !c.started {
		c.first, c.last, c.started = v, v, true
	}
	c.last = max(c.last, v)
}

func (c *counter) since() uint64 { return uint64(c.last - c.first) }

// thread is the usage of a thread.
type thread struct {
	name string
	cpu  time.Duration
	switches
}

// read fills in a row. Set memory to include PSS.
func (p *process) read(row *Row, memory bool) error {
	errs := []error{p.readMachine(row)}
	err := p.readUsage(row, memory)
	errs = append(errs, err)
	if !gone(err) {
		errs = append(errs, p.readThreads(row), p.readFiles(row), p.readSockets(row), p.readNetwork(row), p.readQuota(row))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("observe process %d: %w", p.pid, err)
	}
	return nil
}

// gone reports whether an error means that the process or the thread has ended.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

func (p *process) readMachine(row *Row) error {
	at := monotonic()
	busy, err := take(filepath.Join(string(p.proc), "stat"), parseBusy)
	if err != nil {
		return err
	}
	row.Machine = p.machine.cores(at, busy)
	return nil
}

func (p *process) readUsage(row *Row, memory bool) error {
	u, err := p.proc.usage(p.pid, memory)
	row.RSS, row.PSS = u.RSS, u.PSS
	if u.CPU > 0 { // also if only reading the memory failed
		row.Cores = p.cpu.cores(u.At, u.CPU)
	}
	return err
}

// readThreads reads the usage of each thread. The last part of a second of a thread that ends between two rows is lost.
func (p *process) readThreads(row *Row) error {
	row.Voluntary, row.Involuntary = p.switches.voluntary, p.switches.involuntary
	dir := p.proc.of(p.pid, "task")
	at := monotonic()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	threads := make(map[int]thread, len(entries))
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		t, err := readThread(filepath.Join(dir, e.Name()))
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		threads[id] = t
	}
	for id, t := range threads {
		before := p.threads[id]
		if t.cpu < before.cpu {
			before = thread{} // an ended thread had the same ID
		}
		seen := Thread{ID: id, Name: t.name}
		if p.threadsAt != 0 && at > p.threadsAt {
			seen.Cores = float64(t.cpu-before.cpu) / float64(at-p.threadsAt)
			p.switches.voluntary += t.voluntary - min(t.voluntary, before.voluntary)
			p.switches.involuntary += t.involuntary - min(t.involuntary, before.involuntary)
		}
		row.Threads = append(row.Threads, seen)
	}
	p.threads, p.threadsAt = threads, at
	slices.SortFunc(row.Threads, func(a, b Thread) int {
		return cmp.Or(cmp.Compare(b.Cores, a.Cores), cmp.Compare(a.ID, b.ID))
	})
	row.Threads = row.Threads[:min(len(row.Threads), maxThreads)]
	row.Voluntary, row.Involuntary = p.switches.voluntary, p.switches.involuntary
	return nil
}

// readThread reads the usage of the thread with a directory, in nanoseconds if the kernel counts them, otherwise in 10 ms.
func readThread(dir string) (thread, error) {
	s, err := take(filepath.Join(dir, "stat"), parseStat)
	if err != nil {
		return thread{}, err
	}
	t := thread{name: s.name, cpu: s.cpu}
	ran, err := take(filepath.Join(dir, "schedstat"), parseSchedstat)
	switch {
	case err == nil && ran > 0:
		t.cpu = ran
	case err != nil && !gone(err):
		return t, err
	}
	t.switches, err = take(filepath.Join(dir, "status"), parseSwitches)
	return t, err
}

// readFiles counts the open files.
func (p *process) readFiles(row *Row) error {
	name := p.proc.of(p.pid, "fd")
	if info, err := os.Stat(name); err == nil && info.Size() > 0 {
		row.Files = int(info.Size()) // since Linux 6.2, which saves listing the directory
		return nil
	}
	dir, err := os.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		return nil // another user's process
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	files, err := dir.Readdirnames(-1)
	row.Files = len(files)
	return err
}

func (p *process) readSockets(row *Row) error {
	file := p.proc.of(p.pid, "net/sockstat")
	pages, err1 := take(file, entry("TCP:", "mem"))
	four, err2 := take(file, entry("TCP:", "inuse"))
	// A socket that listens on IPv4 and IPv6, such as Go's, counts here with all its connections.
	six, err3 := take(p.proc.of(p.pid, "net/sockstat6"), entry("TCP6:", "inuse"))
	if errors.Is(err3, fs.ErrNotExist) {
		err3 = nil // no IPv6
	}
	row.TCPMemory, row.Sockets = pages*pageSize, int(four+six)
	return errors.Join(err1, err2, err3)
}

func (p *process) readNetwork(row *Row) error {
	var errs []error
	for _, c := range []struct {
		counter           *counter
		file, table, name string
		to                *uint64
	}{
		{counter: &p.retransmits, file: "net/snmp", table: "Tcp:", name: "RetransSegs", to: &row.Retransmits},
		{counter: &p.overflows, file: "net/netstat", table: "TcpExt:", name: "ListenOverflows", to: &row.Overflows},
		{counter: &p.drops, file: "net/netstat", table: "TcpExt:", name: "ListenDrops", to: &row.Drops},
	} {
		v, err := take(p.proc.of(p.pid, c.file), column(c.table, c.name))
		if err == nil {
			c.counter.set(v)
		}
		errs = append(errs, err)
		*c.to = c.counter.since()
	}
	return errors.Join(errs...)
}

// readQuota reads the time for which the quotas of the control groups stopped the process's group.
func (p *process) readQuota(row *Row) error {
	held, err := p.proc.throttled(p.pid)
	if err == nil {
		p.throttled.set(int64(held))
	}
	row.Throttled = time.Duration(p.throttled.since()).Seconds()
	return err
}

func (pf procfs) throttled(pid int) (time.Duration, error) {
	dirs, err := pf.quotas(pid)
	if err != nil {
		return 0, err
	}
	return heldUp(dirs)
}

// quotas returns the directories of the control groups with a quota for the process, or none on a kernel without control groups.
func (pf procfs) quotas(pid int) ([]string, error) {
	groups, err := os.ReadFile(pf.of(pid, "cgroup"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile(filepath.Join(string(pf), "self/mountinfo"))
	return ControlGroups(string(groups), string(mounts), "cpu"), err
}

// ownQuotas are this process's. They are found once, because the agents read them four times a second.
var ownQuotas = sync.OnceValues(func() ([]string, error) { return proc.quotas(os.Getpid()) })

func ownThrottled() time.Duration {
	dirs, err := ownQuotas()
	if err != nil {
		return 0
	}
	held, err := heldUp(dirs)
	if err != nil {
		return 0
	}
	return held
}

func heldUp(dirs []string) (held time.Duration, err error) {
	for _, dir := range dirs {
		d, err := take(filepath.Join(dir, "cpu.stat"), parseThrottled)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the group may lack the controller
			return 0, err
		}
		held += d
	}
	return held, nil
}
