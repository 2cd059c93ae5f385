package bench

import (
	"context"
	"fmt"
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
	var all, lag, tcp, tls, upgrade histogram.Histogram
	for i := range r.connected {
		a := &r.connected[i]
		all.Merge(&a.Time)
		lag.Merge(&a.Lag)
		tcp.Merge(&a.TCP)
		tls.Merge(&a.TLS)
		upgrade.Merge(&a.Upgrade)
		for why, n := range a.Failed {
			c.Failed[why] += n
		}
		if r.result.Target.TLS == "" {
			r.result.Target.TLS = a.Agreed
		}
	}
	c.Opened = r.opened()
	c.PerS = float64(c.Opened) / c.Took.Seconds()
	c.Time, c.Lag = r.distribution(&all), r.distribution(&lag)
	c.TCP, c.TLS, c.Upgrade = r.distribution(&tcp), r.distribution(&tls), r.distribution(&upgrade)
	if text := missedRamp(r.cfg, c, len(levels)); text != "" && !r.result.Interrupted {
		r.note("%s", text)
	}
	if c.Opened > 0 {
		s.KernelPer = float64(observe.TCPMemory()-kernel) / float64(c.Opened)
	}
	r.watch.connected(before, c.Opened)
	return nil
}

// The bounds of the note about a ramp.
const (
	leastDialLag  = 10 * time.Millisecond // median dial delay that is always allowed
	mostRampShort = 0.05                  // allowed shortfall of a ramp, as a share of its rate
)

// missedRamp returns a note if the connections opened more slowly than the ramp, or an empty string. A ramp that is too fast by a share s
// delays the dials more and more, so half of them are late by s/2 of its length or more. A short stall does not change the median.
func missedRamp(cfg *Config, c *result.Connect, levels int) string {
	if cfg.Ramp == 0 || c.Lag == nil {
		return ""
	}
	late := c.Lag.Max
	if c.Lag.P50 != nil {
		late = *c.Lag.P50
	}
	length := time.Duration(float64(cfg.Connections) / float64(levels) / float64(cfg.Ramp) * float64(time.Second))
	if late < max(leastDialLag, time.Duration(mostRampShort/2*float64(length))) {
		return ""
	}
	return fmt.Sprintf("ramp: the connections opened at %s/s instead of %s/s: all %d concurrent handshakes per agent were in use, or the client was busy: lower --ramp, or raise --dials",
		result.Thousands(int(c.PerS)), result.Thousands(cfg.Ramp), cfg.Dials)
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
