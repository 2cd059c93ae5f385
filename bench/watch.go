package bench

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// watch observes the server's processes during the run: their CPU time at each tick, and a row of all observable values of the first
// process each second. It adds up the usage of several servers, and of the
// processes of one.
type watch struct {
	pids    []int
	node    int                   // the process that ends during the run; 0 for none
	last    map[int]observe.Usage // by process: when it was read last
	lastMu  sync.Mutex
	sampler *observe.Sampler
	result  *result.Result

	mu    sync.Mutex
	cpu   map[int64]time.Duration // by tick
	rows  []observe.Row
	start int64
	grown int64 // largest memory under load
	notes []string
	quit  chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

// newWatch finds the servers' processes and starts the watch's goroutine.
func newWatch(cfg *Config, targets []agent.Target, r *result.Result) (*watch, error) {
	w := &watch{result: r, node: cfg.Node, last: map[int]observe.Usage{}, cpu: map[int64]time.Duration{}, quit: make(chan struct{})}
	if local(targets) {
		if len(cfg.PIDs) > 0 {
			w.pids = cfg.PIDs
		} else {
			for _, t := range targets {
				if pid := observe.FindListener(t.Address); pid != 0 {
					w.pids = append(w.pids, pid)
				}
			}
			if len(w.pids) != len(targets) {
				w.pids = nil
			}
		}
	}
	if len(w.pids) == 0 {
		if cfg.Metrics != "" {
			return nil, fmt.Errorf("metrics: the server's process is not visible on this machine, and metrics need it")
		}
		return w, nil
	}
	if _, err := w.sum(false); err != nil {
		return nil, fmt.Errorf("pid: %w", err)
	}
	r.Target.PID, r.Target.Command = w.stays(), observe.Command(w.stays())
	w.sampler = observe.NewSampler(w.stays(), cfg.Metrics)
	w.done.Go(w.look)
	return w, nil
}

// look is the watch's goroutine.
func (w *watch) look() {
	for n := agent.Now()/agent.TickEvery + 1; ; n = max(n+1, agent.Now()/agent.TickEvery) {
		select {
		case <-w.quit:
			return
		case <-time.After(time.Duration(n*agent.TickEvery - agent.Now())):
		}
		u, err := w.sum(false)
		w.mu.Lock()
		if err == nil {
			w.cpu[n] = u.CPU
			if w.start == 0 {
				delete(w.cpu, n-4*ticksASecond)
			}
		}
		start := w.start
		w.mu.Unlock()
		if start == 0 || n < start || (n-start)%ticksASecond != 0 {
			continue
		}
		row, err := w.sampler.Sample(time.Duration((n - start) * agent.TickEvery).Seconds())
		w.mu.Lock()
		w.rows = append(w.rows, row)
		w.grown = max(w.grown, row.PSS)
		if err != nil && len(w.notes) == 0 {
			w.notes = append(w.notes, err.Error())
		}
		w.mu.Unlock()
	}
}

// sum returns the usage of all processes together.
func (w *watch) sum(memory bool) (all observe.Usage, err error) {
	for _, pid := range w.pids {
		u, err := w.one(pid, memory)
		if err != nil {
			return all, err
		}
		all.CPU += u.CPU
		all.RSS += u.RSS
		all.PSS += u.PSS
	}
	return all, nil
}

// one returns the usage of a process. A node that has ended keeps the CPU time that it had, and has no memory.
func (w *watch) one(pid int, memory bool) (observe.Usage, error) {
	u, err := observe.Read(pid, memory)
	if pid != w.node {
		return u, err
	}
	w.lastMu.Lock()
	defer w.lastMu.Unlock()
	if err != nil || u.RSS == 0 {
		return observe.Usage{CPU: w.last[pid].CPU}, nil
	}
	w.last[pid] = u
	return u, nil
}

// stays returns the first process that does not end during the run.
func (w *watch) stays() int {
	for _, pid := range w.pids {
		if pid != w.node {
			return pid
		}
	}
	return w.pids[0]
}

// read returns the usage of the servers, or the zero Usage if none is visible.
func (w *watch) read(memory bool) observe.Usage {
	u, err := w.sum(memory)
	if err != nil {
		w.mu.Lock()
		w.notes = append(w.notes, err.Error())
		w.mu.Unlock()
	}
	return u
}

// connected records the memory before and after the connections opened, and the CPU per upgrade.
func (w *watch) connected(before observe.Usage, opened int) {
	if len(w.pids) == 0 {
		return
	}
	now, s := w.read(true), &w.result.Server
	s.RSSBefore, s.RSSConnected = before.RSS, now.RSS
	s.PSSBefore, s.PSSConnected = before.PSS, now.PSS
	if opened > 0 {
		s.PerUpgrade = float64(s.ConnectCPU) / float64(opened)
	}
}

// begin records the tick at which sending begins.
func (w *watch) begin(start int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start = start
}

// loaded records the memory and the CPU time at the end. On a busy machine the watch may have missed the last tick.
func (w *watch) loaded() {
	if len(w.pids) == 0 {
		return
	}
	tick := agent.Now() / agent.TickEvery
	now, s := w.read(true), &w.result.Server
	s.RSSAfter, s.PSSAfter = now.RSS, now.PSS
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grown = max(w.grown, now.PSS)
	if _, seen := w.cpu[tick]; !seen && now.CPU > 0 {
		w.cpu[tick] = now.CPU
	}
}

// at returns the servers' CPU time at a tick. If the watch missed the tick, it interpolates between the ticks before and after it.
func (w *watch) at(n int64) (time.Duration, bool) {
	const missed = 4 * ticksASecond // largest gap
	w.mu.Lock()
	defer w.mu.Unlock()
	if d, ok := w.cpu[n]; ok {
		return d, true
	}
	for before := n - 1; before >= n-missed; before-- {
		from, ok := w.cpu[before]
		if !ok {
			continue
		}
		for after := n + 1; after <= n+missed; after++ {
			if to, ok := w.cpu[after]; ok {
				return from + (to-from)*time.Duration(n-before)/time.Duration(after-before), true
			}
		}
		break
	}
	return 0, false
}

// stop ends the goroutine. It may be called twice.
func (w *watch) stop() {
	w.once.Do(func() { close(w.quit) })
	w.done.Wait()
}

// local reports whether the addresses of all targets belong to this machine.
func local(targets []agent.Target) bool {
	return !slices.ContainsFunc(targets, func(t agent.Target) bool { return !t.Address.Addr().IsLoopback() })
}
