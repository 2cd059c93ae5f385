package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/result"
)

// ladderCmd is the command throng bench ladder.
type ladderCmd struct {
	talk
	Scenario string `default:"broadcast" enum:"chat,broadcast,echo" help:"Scenario to measure at each step: chat, broadcast or echo."`
	Rates    []int  `help:"Messages per second of each step, such as 100,200,400."`
	Counts   []int  `help:"Number of connections of each step, such as 1000,5000."`
}

// Run runs throng bench ladder.
func (ld *ladderCmd) Run() error {
	cfg, err := ld.config(ld.Scenario)
	switch {
	case ld.messages.Rate != nil && len(ld.Counts) == 0:
		err = errors.Join(err, errors.New("rate: not allowed, because each step has its own: use --rates, or add --counts to keep this rate"))
	case ld.messages.Rate != nil && len(ld.Rates) > 0:
		err = errors.Join(err, errors.New("rate and rates: both given: leave --rate out"))
	case ld.load.Connections != nil && len(ld.Counts) > 0:
		err = errors.Join(err, errors.New("connections and counts: both given: leave --connections out"))
	}
	if len(ld.Rates) == 0 && len(ld.Counts) == 0 {
		ld.Rates = []int{100, 200, 400, 800, 1600}
	}
	if len(ld.Rates) > 0 && len(ld.Counts) > 0 && len(ld.Rates) != len(ld.Counts) {
		err = errors.Join(err, fmt.Errorf("rates and counts: have %d and %d steps: must have the same number, or give only one of them", len(ld.Rates), len(ld.Counts)))
	}
	rungs := bench.Rungs{Rates: ld.Rates, Connections: ld.Counts}
	for i := range rungs.Len() { // check all steps before the first runs
		step := rungs.Step(cfg, i)
		if len(step.URLs) == 0 {
			step.URLs = []string{unstarted}
		}
		err = errors.Join(err, step.Validate())
	}
	return measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Ladder(ctx, cfg, rungs, tell)
	}, ld.write)
}

// findCmd is the command throng bench find.
type findCmd struct {
	talk
	Scenario string        `default:"broadcast" enum:"chat,broadcast,echo" help:"Scenario to measure: chat, broadcast or echo."`
	P99      time.Duration `name:"p99" default:"50ms" help:"Limit of the p99 latency: a rate passes if it stays below."`
	From     int           `default:"100" help:"First rate, in messages per second."`
	To       int           `default:"1000000" help:"Highest rate to try, in messages per second."`
	Step     time.Duration `default:"8s" help:"Measured time of each trial, the same as --duration; a confirmation takes twice as long."`
}

// Run runs throng bench find.
func (fi *findCmd) Run() error {
	cfg, err := fi.config(fi.Scenario)
	err = errors.Join(err, fi.checkShared())
	if fi.From < 1 || fi.To < fi.From || fi.P99 <= 0 || fi.Step < time.Second || cfg.Closed > 0 {
		err = errors.Join(err, errors.New("find: must have a from of at least 1, a to of at least from, a p99 above 0, a step of at least 1s, and no closed loop"))
	}
	cfg.Rate = fi.From
	search := bench.Search{From: fi.From, To: fi.To, Limit: fi.P99, Step: fi.Step, Warmup: fi.Step / 4}
	if !cfg.Auto {
		search.Warmup = cfg.Warmup
	}
	cfg.Duration = fi.Step
	return measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Find(ctx, cfg, search, tell)
	}, fi.write)
}

// defaultStep is the default of --step.
const defaultStep = 8 * time.Second

// checkShared applies the flags that other scenarios have too. It returns an error for a flag that a search replaces by another.
func (fi *findCmd) checkShared() error {
	switch d := fi.messages.Duration; {
	case fi.messages.Rate != nil:
		return errors.New("rate: not allowed, because the search varies it: use --from for the first rate")
	case d == nil:
	case fi.Step != defaultStep && fi.Step != *d:
		return fmt.Errorf("duration = %v and step = %v: have the same meaning: give only one of them", *d, fi.Step)
	default:
		fi.Step = *d
	}
	return nil
}
