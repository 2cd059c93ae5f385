package bench

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// Runs with rooms that are spread over several servers, and the end of one of them.

// nodeOf returns the number of the target whose process ends in the run, or nil for none.
func nodeOf(cfg *Config, targets []agent.Target) (*int, error) {
	if cfg.Node == 0 {
		return nil, nil
	}
	for i := range targets {
		if observe.FindListener(targets[i].Address) == cfg.Node {
			return &i, nil
		}
	}
	return nil, fmt.Errorf("kill-node, stop-node: process %d listens at none of the targets: give the ID of a process of this machine and user that serves one of them", cfg.Node)
}

// endNode kills or stops the process of the node at the time of the event. The returned function waits for that, or prevents it.
func (r *run) endNode(ctx context.Context, event int64) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		select {
		case <-ctx.Done():
			done <- nil
			return
		case <-time.After(time.Duration(event - agent.Now())):
		}
		s := syscall.SIGKILL
		if r.cfg.Drains {
			s = syscall.SIGTERM
		}
		done <- syscall.Kill(r.cfg.Node, s)
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.note("end of the node, process %d: %v", r.cfg.Node, err)
		}
	}
}

// goodbyes fills in how the connections of the node ended.
func (r *run) goodbyes(s *result.Storm) {
	s.By, s.Node = "SIGKILL of its node", r.targets[*r.node].URL
	if r.cfg.Drains {
		s.By = "SIGTERM of its node"
	}
	var away histogram.Histogram
	var slots []int
	for i := range r.reports {
		away.Merge(&r.reports[i].Away)
		for k, n := range r.reports[i].Goodbyes {
			for len(slots) <= k {
				slots = append(slots, 0)
			}
			slots[k] += n
		}
	}
	s.Away = r.distribution(&away)
	for k, n := range slots {
		if n == 0 {
			continue
		}
		s.LastEnd = time.Duration(k+1) * agent.GoodbyeSlot
		if share := float64(n) / float64(s.Killed); s.Killed > 0 {
			s.MostEnds = max(s.MostEnds, share)
		}
	}
}

// accountTargets fills in the members, messages and latency of each target of a spread run.
func (r *run) accountTargets() {
	if !r.cfg.Spread {
		return
	}
	plan := r.plan()
	out := make([]result.SpreadTarget, len(r.targets))
	for i := range out {
		out[i].URL = r.targets[i].URL
	}
	at := plan.TargetsOf()
	for i, target := range at {
		out[target].Members++
		if i < len(r.sentBy) {
			out[target].Publishers++
			out[target].Sent += uint64(r.sentBy[i])
		}
	}
	own, others := make([]histogram.Histogram, len(out)), make([]histogram.Histogram, len(out))
	for i := range r.reports {
		for target, n := range r.reports[i].Members {
			out[target].MembersAtEnd += n
		}
		for k := range r.reports[i].Across {
			own[k].Merge(&r.reports[i].Across[k].Own)
			others[k].Merge(&r.reports[i].Across[k].Others)
		}
	}
	for i := range out {
		out[i].Own, out[i].Others = r.distribution(&own[i]), r.distribution(&others[i])
	}
	r.result.Targets = out
}
