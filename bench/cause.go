package bench

import (
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

// Why the client was the bottleneck, and what to do.

const (
	muchUsed   = 0.2 // share of the machine used by other programs that explains a late client
	nearlyFull = 0.9 // share of the machine used by client and server together
)

// cause returns the likely cause of a CLIENT-LIMITED run and the advice for it.
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
