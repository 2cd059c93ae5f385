package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// Run performs one run and returns its result. It calls onProgress, unless nil, four times a second, from its own goroutine. When ctx ends,
// Run stops the load and returns the result up to then. If some connections could not be opened, it returns both a Result and an error. If
// there is nothing to report, the Result is nil.
func Run(ctx context.Context, cfg Config, onProgress func(Progress)) (*result.Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if onProgress == nil {
		onProgress = func(Progress) {}
	}
	r := &run{cfg: &cfg, onProgress: onProgress, layout: layOut(&cfg)}
	for _, text := range cfg.URLs {
		u, err := agent.ParseURL(text, &cfg.Protocol)
		if err != nil {
			return nil, err
		}
		if r.layout.names[0] != "" && cfg.Protocol.Query != "" && u.Query().Has("room") {
			return nil, fmt.Errorf("room: the url %s has a room, and so do --room, --rooms or the scenario echo: remove one of them", u)
		}
		t, err := agent.Resolve(ctx, u)
		if err != nil {
			return nil, err
		}
		r.targets = append(r.targets, t)
	}
	r.result = r.newResult()
	err := r.measure(ctx)
	switch {
	case ctx.Err() != nil && r.result.Connect.Opened == 0:
		return nil, ctx.Err()
	case err != nil && r.result.Connect.Opened == 0:
		return nil, err
	}
	if err == nil {
		addFloor(ctx, cfg, r.result, onProgress)
	}
	judge(r.result, cfg.Thresholds)
	if err != nil && r.result.Connect.Opened == cfg.Connections {
		// The run ended early, so its figures are incomplete.
		r.result.Verdict = result.Verdict{Code: result.None, Why: []string{err.Error()}}
	}
	return r.result, err
}

func (r *run) newResult() *result.Result {
	c := r.cfg
	out := &result.Result{
		Schema: result.Schema, Label: c.Label, Args: c.Args, Started: time.Now().UTC().Truncate(time.Second),
		Notes: []string{}, Thresholds: []result.Threshold{},
		Env:    machine(),
		Target: result.Target{URL: r.targets[0].URL, Protocol: c.Protocol.Name, Spread: c.Spread},
		Plan: result.Plan{
			Scenario: c.Scenario, Connections: c.Connections, Rooms: len(r.layout.names), Largest: r.layout.largest,
			Rate: float64(c.Rate), Poisson: c.Poisson, Closed: c.Closed, Size: c.Size, Publishers: c.publishers(), NoEcho: c.NoEcho,
			Ramp: float64(c.Ramp), Churn: c.Churn, Compress: c.Compress, Duration: c.Duration, Warmup: c.Warmup, WarmupAuto: c.Auto, Seed: c.Seed,
		},
		Connect:  result.Connect{Failed: map[string]int{}},
		Delivery: result.Delivery{Closes: map[string]int{}, Samples: []result.Fault{}, Stalls: []result.Stall{}},
		Series:   []result.Second{}, Observed: []observe.Row{}, Agents: []result.Agent{},
	}
	for _, t := range r.targets[1:] {
		out.Target.URL += " " + t.URL
	}
	if c.silentRun() {
		out.Plan.Size, out.Plan.Publishers = 0, 0
		if c.Scenario == Connect {
			out.Plan.Duration = 0
		}
	}
	return out
}

// plan returns the plan for the agents.
func (r *run) plan() agent.Plan {
	c := r.cfg
	p := agent.Plan{
		Run: rand.Uint32(), Seed: c.Seed, Targets: r.targets, Spread: c.Spread, Node: r.node, Protocol: c.Protocol, Rooms: r.layout.names, RoomOf: r.layout.roomOf, Subprotocol: c.Subprotocol, TLS: c.TLS, Compress: c.Compress,
		Publishers: c.publishers(), Size: c.Size, NoEcho: c.NoEcho, Rate: uint64(c.Rate), Poisson: c.Poisson, Closed: c.Closed,
		Ping: c.Scenario == Idle, Drain: c.Drain, Churn: c.Churn * float64(c.Connections) / 60,
		Kill: c.Kill, By: c.By, Jitter: c.Jitter, Slow: c.Slow,
		Dials: c.Dials, Ramp: c.Ramp, DialTimeout: c.DialTimeout, Pollers: c.Pollers,
	}
	if c.Closed > 0 {
		p.Rate = 0
	}
	for _, h := range c.Headers {
		line, _ := parseHeader(h) // Validate has checked it
		p.Headers = append(p.Headers, line)
	}
	if !c.Resume {
		p.Protocol.Resume = nil
	}
	return p
}

// measure performs the run: connect, load, drain, count.
func (r *run) measure(ctx context.Context) (err error) {
	if r.watch, err = newWatch(r.cfg, r.targets, r.result); err != nil {
		return err
	}
	defer r.watch.stop()
	if r.node, err = nodeOf(r.cfg, r.targets); err != nil {
		return err
	}
	if r.fleet, err = startAgents(ctx, r.cfg); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.fleet.stopAgents()) }()
	if err := r.fleet.sendPlan(ctx, r.plan()); err != nil {
		return err
	}
	r.collect = newCollector(len(r.fleet.members))
	r.connected = make([]agent.Connected, len(r.fleet.members))
	r.reports = make([]agent.Report, len(r.fleet.members))
	if err := r.connect(ctx); err != nil {
		return err
	}
	failed := r.cfg.Connections - r.result.Connect.Opened
	switch {
	case ctx.Err() != nil:
		r.result.Interrupted = true
		return nil
	case failed > 0 && r.result.Connect.Opened == 0:
		return fmt.Errorf("no connection to %s: %s", r.result.Target.URL, result.Counts(r.result.Connect.Failed))
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	r.account()
	if failed > 0 && !r.result.Interrupted {
		return fmt.Errorf("%d of %s failed: %s", failed, result.Number(r.cfg.Connections, "connection"), result.Counts(r.result.Connect.Failed))
	}
	return nil
}

// leadTime is the time between the Start command and the first message, so that all agents are ready for it.
const leadTime = 300 * time.Millisecond

// load runs the schedule, waits for deliveries in flight, and collects the reports.
func (r *run) load(ctx context.Context) error {
	cfg := r.cfg
	start := (agent.Now()+int64(leadTime))/agent.TickEvery + 1
	total := cfg.Duration
	if !cfg.Auto {
		total += cfg.Warmup
	}
	if cfg.Scenario == Connect {
		total = 0
	}
	order := agent.Start{At: start * agent.TickEvery, End: start*agent.TickEvery + int64(total)}
	r.end = start + int64(total)/agent.TickEvery
	if cfg.eventful() {
		// After the warm-up, and after a quarter of the rest for comparison.
		r.event = r.warmed(start) + (r.end-r.warmed(start))/4
		order.Event = r.event * agent.TickEvery
	}
	r.collect.begin(start)
	r.watch.begin(start)
	r.busy.begin()
	if err := r.fleet.all(agent.Command{Start: &order}); err != nil {
		return err
	}
	if r.node != nil {
		defer r.endNode(ctx, order.Event)()
	}
	finish := agent.Finish{Sent: make([]uint32, cfg.publishers())}
	left := len(r.fleet.members)
	sending := Progress{Sending: true, Of: cfg.Connections, Total: total}
	err := r.follow(ctx, sending, func(s agentEvent) bool {
		if by := s.event.Sent; by != nil {
			for i := s.from; i < len(by.By); i += len(r.fleet.members) {
				finish.Sent[i] = by.By[i]
			}
			finish.Gone = append(finish.Gone, by.Gone...)
			left--
		}
		return left == 0
	})
	if err != nil {
		return err
	}
	if r.result.Interrupted {
		r.end = min(r.end, agent.Now()/agent.TickEvery)
	}
	r.busy.end()
	r.sentBy = finish.Sent
	r.watch.loaded()
	if err := r.fleet.all(agent.Command{Finish: &finish}); err != nil {
		return err
	}
	left = len(r.fleet.members)
	return r.follow(context.WithoutCancel(ctx), sending, func(s agentEvent) bool {
		if s.event.Report != nil {
			r.reports[s.from] = *s.event.Report
			left--
		}
		return left == 0
	})
}
