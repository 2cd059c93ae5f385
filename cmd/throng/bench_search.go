package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/result"
)

// ladderCmd is throng bench ladder.
type ladderCmd struct {
	talk
	Scenario string `default:"broadcast" enum:"chat,broadcast,echo" help:"What to measure at each step (chat, broadcast, echo)."`
	Rates    []int  `help:"Messages a second of each step."`
	Counts   []int  `help:"Connections of each step."`
}

// Run is throng bench ladder.
func (c *ladderCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	if len(c.Rates) == 0 && len(c.Counts) == 0 {
		c.Rates = []int{100, 200, 400, 800, 1600}
	}
	if len(c.Rates) > 0 && len(c.Counts) > 0 && len(c.Rates) != len(c.Counts) {
		err = errors.Join(err, fmt.Errorf("rates and counts: %d and %d steps: want as many of both, or one of them", len(c.Rates), len(c.Counts)))
	}
	for i := range max(len(c.Rates), len(c.Counts)) { // none is to be found wrong when the others have run
		step := bench.Step(cfg, c.Rates, c.Counts, i)
		step.URLs = []string{unstarted}
		err = errors.Join(err, step.Validate())
	}
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Ladder(ctx, cfg, c.Rates, c.Counts, tell)
	})
}

// findCmd is throng bench find.
type findCmd struct {
	talk
	Scenario string        `default:"broadcast" enum:"chat,broadcast,echo" help:"What to measure (chat, broadcast, echo)."`
	P99      time.Duration `name:"p99" default:"50ms" help:"The latency's p99 that a rate must keep to."`
	From     int           `default:"100" help:"Messages a second to begin with."`
	To       int           `default:"1000000" help:"And never to exceed."`
	Step     time.Duration `default:"8s" help:"How long each trial measures; a confirmation takes twice that."`
}

// Run is throng bench find.
func (c *findCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	if c.From < 1 || c.To < c.From || c.P99 <= 0 || c.Step < time.Second || cfg.Closed > 0 {
		err = errors.Join(err, errors.New("find: want from of at least 1, to no less than from, p99 above 0, step of at least 1s, and no closed loop"))
	}
	cfg.Rate = c.From
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Find(ctx, cfg, bench.Search{From: c.From, To: c.To, Limit: c.P99, Step: c.Step}, tell)
	})
}
