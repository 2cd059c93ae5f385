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
	Scenario string `default:"broadcast" enum:"chat,broadcast,echo" help:"Scenario to measure at each step: chat, broadcast or echo."`
	Rates    []int  `help:"Messages per second of each step, such as 100,200,400."`
	Counts   []int  `help:"Number of connections of each step, such as 1000,5000."`
}

// Run is throng bench ladder.
func (c *ladderCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	switch {
	case c.messages.Rate != nil && len(c.Counts) == 0:
		err = errors.Join(err, errors.New("rate: a ladder's steps have theirs: want --rates, or --counts at this one rate"))
	case c.messages.Rate != nil && len(c.Rates) > 0:
		err = errors.Join(err, errors.New("rate and rates: the steps have theirs: leave --rate out"))
	case c.load.Connections != nil && len(c.Counts) > 0:
		err = errors.Join(err, errors.New("connections and counts: the steps have theirs: leave --connections out"))
	}
	if len(c.Rates) == 0 && len(c.Counts) == 0 {
		c.Rates = []int{100, 200, 400, 800, 1600}
	}
	if len(c.Rates) > 0 && len(c.Counts) > 0 && len(c.Rates) != len(c.Counts) {
		err = errors.Join(err, fmt.Errorf("rates and counts: %d and %d steps: want as many of both, or one of them", len(c.Rates), len(c.Counts)))
	}
	rungs := bench.Rungs{Rates: c.Rates, Connections: c.Counts}
	for i := range rungs.Len() { // none is to be found wrong when the others have run
		step := rungs.Step(cfg, i)
		step.URLs = []string{unstarted}
		err = errors.Join(err, step.Validate())
	}
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Ladder(ctx, cfg, rungs, tell)
	})
}

// findCmd is throng bench find.
type findCmd struct {
	talk
	Scenario string        `default:"broadcast" enum:"chat,broadcast,echo" help:"Scenario to measure: chat, broadcast or echo."`
	P99      time.Duration `name:"p99" default:"50ms" help:"Limit of the p99 latency: a rate passes if it stays below."`
	From     int           `default:"100" help:"First rate, in messages per second."`
	To       int           `default:"1000000" help:"Highest rate to try, in messages per second."`
	Step     time.Duration `default:"8s" help:"Measured time of each trial, the same as --duration; a confirmation takes twice as long."`
}

// Run is throng bench find.
func (c *findCmd) Run() error {
	cfg, err := c.config(c.Scenario)
	err = errors.Join(err, c.sameAsElsewhere())
	if c.From < 1 || c.To < c.From || c.P99 <= 0 || c.Step < time.Second || cfg.Closed > 0 {
		err = errors.Join(err, errors.New("find: want from of at least 1, to no less than from, p99 above 0, step of at least 1s, and no closed loop"))
	}
	cfg.Rate = c.From
	search := bench.Search{From: c.From, To: c.To, Limit: c.P99, Step: c.Step, Warmup: c.Step / 4}
	if !cfg.Auto {
		search.Warmup = cfg.Warmup
	}
	cfg.Duration = c.Step
	return c.measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Find(ctx, cfg, search, tell)
	})
}

// defaultStep is that of --step.
const defaultStep = 8 * time.Second

// sameAsElsewhere takes the flags that a search has from the other scenarios as what they mean there, and refuses those that it has
// another for.
func (c *findCmd) sameAsElsewhere() error {
	switch d := c.messages.Duration; {
	case c.messages.Rate != nil:
		return errors.New("rate: a search finds it: want --from, the rate to begin with")
	case d == nil:
	case c.Step != defaultStep && c.Step != *d:
		return fmt.Errorf("duration = %v and step = %v: they are the same: want one of them", *d, c.Step)
	default:
		c.Step = *d
	}
	return nil
}
