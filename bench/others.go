package bench

import (
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/observe"
)

// busy measures how busy this machine was under the load, all programs included.
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

func (b *busy) end() { b.read(1) }

// cores returns the mean number of busy cores, and false if it is not known.
func (b *busy) cores() (float64, bool) {
	took := float64(b.at[1] - b.at[0])
	if !b.seen[0] || !b.seen[1] || took <= 0 {
		return 0, false
	}
	return float64(b.used[1]-b.used[0]) / took, true
}

// others returns the number of cores of this machine that neither the agents nor the server used. It is 0 if that is not known: with agents
// on other hosts, or with a server on this machine that is not visible.
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
