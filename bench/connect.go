package bench

import (
	"context"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// levels returns the numbers of connections at which connecting pauses to read the server's memory. The last one is all connections. Only
// an idle run against a visible server has more than one.
func (r *run) levels() []int {
	all := r.cfg.Connections
	if r.cfg.Scenario != Idle || len(r.watch.pids) == 0 || all < leastLeveled {
		return []int{all}
	}
	levels := make([]int, memoryLevels)
	for i := range levels {
		levels[i] = all * (i + 1) / memoryLevels
	}
	return levels
}

// connect opens the connections, level by level, and records their cost. The pauses are in neither the time nor the CPU.
func (r *run) connect(ctx context.Context) error {
	before, kernel := r.watch.read(true), observe.TCPMemory()
	c, s := &r.result.Connect, &r.result.Server
	levels := r.levels()
	for _, below := range levels {
		began, used := agent.Now(), r.watch.read(false).CPU
		if err := r.open(ctx, below); err != nil {
			return err
		}
		c.Took += time.Duration(agent.Now() - began)
		s.ConnectCPU += r.watch.read(false).CPU - used
		if len(levels) == 1 || r.result.Interrupted {
			break
		}
		if err := r.hold(ctx, r.cfg.hold); err != nil {
			return err
		}
		if pss := r.watch.read(true).PSS; pss > 0 {
			s.Levels = append(s.Levels, result.Level{Connections: r.opened(), PSS: pss})
		}
	}
	var all, tcp, upgrade histogram.Histogram
	for i := range r.connected {
		a := &r.connected[i]
		all.Merge(&a.Time)
		tcp.Merge(&a.TCP)
		upgrade.Merge(&a.Upgrade)
		for why, n := range a.Failed {
			c.Failed[why] += n
		}
	}
	c.Opened = r.opened()
	c.PerS = float64(c.Opened) / c.Took.Seconds()
	c.Time, c.TCP, c.Upgrade = r.distribution(&all), r.distribution(&tcp), r.distribution(&upgrade)
	if c.Opened > 0 {
		s.KernelPer = float64(observe.TCPMemory()-kernel) / float64(c.Opened)
	}
	r.watch.connected(before, c.Opened)
	return nil
}

// open opens the connections with numbers below a limit and returns when each has opened or failed.
func (r *run) open(ctx context.Context, below int) error {
	if err := r.fleet.all(agent.Command{Connect: &agent.Connect{Below: below}}); err != nil {
		return err
	}
	left := len(r.fleet.members)
	return r.follow(ctx, Progress{}, func(s agentEvent) bool {
		if s.event.Connected != nil {
			r.connected[s.from] = *s.event.Connected
			left--
		}
		return left == 0
	})
}

// hold waits for the time d, or until an interrupt. The agents' ticks wake it.
func (r *run) hold(ctx context.Context, d time.Duration) error {
	until := agent.Now() + int64(d)
	return r.follow(ctx, Progress{}, func(agentEvent) bool { return r.result.Interrupted || agent.Now() >= until })
}

// opened returns the number of connections that have opened so far.
func (r *run) opened() (n int) {
	for i := range r.connected {
		n += r.connected[i].Opened
	}
	return n
}
