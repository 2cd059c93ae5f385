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
func (ld *ladderCmd) Run() error {
	cfg, err := ld.config(ld.Scenario)
	switch {
	case ld.messages.Rate != nil && len(ld.Counts) == 0:
		err = errors.Join(err, errors.New("rate: a ladder's steps have theirs: want --rates, or --counts at this one rate"))
	case ld.messages.Rate != nil && len(ld.Rates) > 0:
		err = errors.Join(err, errors.New("rate and rates: the steps have theirs: leave --rate out"))
	case ld.load.Connections != nil && len(ld.Counts) > 0:
		err = errors.Join(err, errors.New("connections and counts: the steps have theirs: leave --connections out"))
	}
	if len(ld.Rates) == 0 && len(ld.Counts) == 0 {
		ld.Rates = []int{100, 200, 400, 800, 1600}
	}
	if len(ld.Rates) > 0 && len(ld.Counts) > 0 && len(ld.Rates) != len(ld.Counts) {
		err = errors.Join(err, fmt.Errorf("rates and counts: %d and %d steps: want as many of both, or one of them", len(ld.Rates), len(ld.Counts)))
	}
	rungs := bench.Rungs{Rates: ld.Rates, Connections: ld.Counts}
	for i := range rungs.Len() { // none is to be found wrong when the others have run
		step := rungs.Step(cfg, i)
		step.URLs = []string{unstarted}
		err = errors.Join(err, step.Validate())
	}
	return measure(cfg, err, func(ctx context.Context, cfg bench.Config, tell func(bench.Progress)) (*result.Result, error) {
		return bench.Ladder(ctx, cfg, rungs, tell)
	}, ld.write)
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
func (fi *findCmd) Run() error {
	cfg, err := fi.config(fi.Scenario)
	err = errors.Join(err, fi.sameAsElsewhere())
	if fi.From < 1 || fi.To < fi.From || fi.P99 <= 0 || fi.Step < time.Second || cfg.Closed > 0 {
		err = errors.Join(err, errors.New("find: want from of at least 1, to no less than from, p99 above 0, step of at least 1s, and no closed loop"))
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

// defaultStep is that of --step.
const defaultStep = 8 * time.Second

// sameAsElsewhere takes the flags that a search has from the other scenarios as what they mean there, and refuses those that it has
// another for.
func (fi *findCmd) sameAsElsewhere() error {
	switch d := fi.messages.Duration; {
	case fi.messages.Rate != nil:
		return errors.New("rate: a search finds it: want --from, the rate to begin with")
	case d == nil:
	case fi.Step != defaultStep && fi.Step != *d:
		return fmt.Errorf("duration = %v and step = %v: they are the same: want one of them", *d, fi.Step)
	default:
		fi.Step = *d
	}
	return nil
}
