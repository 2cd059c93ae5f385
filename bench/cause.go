package bench

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// Why the client was the limit: what else used this machine, and what to do about it.

// busy is how busy this machine was while it was loaded, whoever it was that used it.
type busy struct {
	at   [2]int64
	used [2]time.Duration
	seen [2]bool
}

func (b *busy) read(i int) {
	b.at[i] = agent.Now()
	b.used[i], b.seen[i] = observe.Busy()
}

func (b *busy) begin() { b.read(0) }
func (b *busy) end()   { b.read(1) }

// cores are those that were busy, on average; false where that was not seen.
func (b *busy) cores() (float64, bool) {
	took := float64(b.at[1] - b.at[0])
	if !b.seen[0] || !b.seen[1] || took <= 0 {
		return 0, false
	}
	return float64(b.used[1]-b.used[0]) / took, true
}

// others is how many cores of this machine neither the agents nor the server used. It is 0 where they cannot be told from the others:
// the agents are elsewhere, or a server that is here is not seen.
func (r *run) others() float64 {
	all, ok := r.busy.cores()
	here := local(r.targets)
	if !ok || len(r.cfg.Remote) > 0 || here && r.result.Target.PID == 0 {
		return 0
	}
	used := r.collect.at(r.end).cpu - r.collect.at(r.collect.start).cpu
	if here {
		from, ok1 := r.watch.at(r.collect.start)
		to, ok2 := r.watch.at(r.end)
		if !ok1 || !ok2 {
			return 0
		}
		used += to - from
	}
	took := time.Duration((r.end - r.collect.start) * agent.TickEvery)
	if took <= 0 {
		return 0
	}
	return max(0, all-float64(used)/float64(took))
}

const (
	muchUsed   = 0.2 // of the machine, by other programs: enough to be what made the client late
	nearlyFull = 0.9 // of the machine, by client and server together
)

// cause says what made the client the limit, as far as that is seen, and what to do.
func cause(r *result.Result) string {
	c, s, machine := &r.Client, &r.Server, float64(r.Env.Machine)
	of := func(cores float64) string { return fmt.Sprintf("%.1f of %d cores", cores, r.Env.Machine) }
	held := c.Throttled > 0 && float64(c.Throttled) >= mostThrottled*float64(r.Plan.Duration)
	switch {
	case held:
		return "cause: the CPU quota of the agent's control group: raise cpu.max (in a container: its CPU limit), or lower the load"
	case machine > 0 && c.Others >= muchUsed*machine:
		return fmt.Sprintf("cause: other programs: %s: stop them, or hold the connections on another machine (throng bench agent, --remote)",
			of(c.Others))
	case machine > 0 && r.Target.PID != 0 && c.Cores+s.Cores+c.Others >= nearlyFull*machine:
		return fmt.Sprintf("cause: client and server share this machine and used %s: lower the load, or hold the connections on another machine (throng bench agent, --remote)",
			of(c.Cores+s.Cores))
	case c.Busiest >= mostBusy && machine > 0 && c.Cores+s.Cores+c.Others < nearlyFull*machine-1:
		return fmt.Sprintf("cause: an agent used all of its CPU, and this machine has free cores (%s busy): raise --agents or --pollers", of(c.Cores+s.Cores+c.Others))
	case c.Busiest >= mostBusy:
		return "cause: an agent used all of its CPU: lower the load, or hold the connections on more machines (throng bench agent, --remote)"
	default:
		return "cause: unknown; the host of this virtual machine may have been busy: repeat the run, or lower the load"
	}
}
