package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Ladder measures at each of the rates, or numbers of connections, in turn, and goes on after one that does not hold: the whole curve
// is what it is for. The result is that of the last run, with all as steps. One that cannot be run is an error, and ends it.
func Ladder(ctx context.Context, cfg Config, rates, connections []int, tell func(Progress)) (*result.Result, error) {
	var last *result.Result
	steps := []result.Step{}
	for i := range max(len(rates), len(connections)) {
		r, err := Run(ctx, Step(cfg, rates, connections, i), named(tell, fmt.Sprintf("step %d of %d", i+1, max(len(rates), len(connections)))))
		if r != nil {
			steps = append(steps, stepOf(r))
			last = r
			last.Steps = steps
		}
		if err != nil || r.Interrupted {
			return last, err
		}
	}
	return last, nil
}

// Step is what step i of a ladder measures.
func Step(cfg Config, rates, connections []int, i int) Config {
	cfg.Floor = false
	if i < len(rates) {
		cfg.Rate = rates[i]
	}
	if i < len(connections) {
		cfg.Connections = connections[i]
		cfg.Publishers = min(cfg.Publishers, cfg.Connections)
	}
	return cfg
}

func named(tell func(Progress), step string) func(Progress) {
	return func(p Progress) {
		p.Step = step
		if tell != nil {
			tell(p)
		}
	}
}

func stepOf(r *result.Result) result.Step {
	why := ""
	if len(r.Verdict.Why) > 0 {
		why = r.Verdict.Why[0]
	}
	return result.Step{
		Connections: r.Plan.Connections, Rate: r.Plan.Rate, Verdict: r.Verdict, Achieved: r.Sent.Achieved, PerS: r.Delivery.PerS,
		Latency: r.Latency.Each, Lost: r.Delivery.Lost, ServerCores: r.Server.Cores, PerDelivery: r.Server.PerDelivery, PSS: r.Server.PSSAfter,
		Pass: r.Verdict.Code == result.Valid, Why: why,
	}
}

// Search is what Find looks for, and how.
type Search struct {
	From  int           // messages a second that it begins with
	To    int           // and never exceeds
	Limit time.Duration // p99 that a rate must keep to
	Step  time.Duration // of each trial; its warm-up is a quarter of that again
}

const (
	precision     = 0.05 // of the rate, to which the interval is narrowed
	confirms      = 3
	confirmLonger = 2 // times a trial
)

// Find searches for the highest rate at which the p99 is under the limit and every message is delivered: it doubles until a
// trial fails, and halves the interval until that is narrow; then it confirms the end that held. A rate whose confirmations
// mostly fail did not hold, and the search goes on below it.
func Find(ctx context.Context, cfg Config, s Search, tell func(Progress)) (*result.Result, error) {
	var steps []result.Step
	var best *result.Result
	trial := func(rate int, longer time.Duration) (bool, error) {
		c := cfg
		c.Floor, c.Thresholds = false, nil
		c.Rate = rate
		c.Auto, c.Warmup, c.Duration = false, s.Step/4, s.Step*longer
		r, err := Run(ctx, c, named(tell, fmt.Sprintf("%s messages/s", result.Thousands(rate))))
		if err != nil {
			return false, err
		}
		step := stepOf(r)
		step.Pass, step.Why = passes(r, s.Limit)
		steps = append(steps, step)
		if step.Pass || best == nil {
			best = r
		}
		if r.Interrupted {
			return false, context.Canceled
		}
		return step.Pass, nil
	}
	found := &result.Found{Limit: s.Limit, Confirms: confirms}
	err := search(found, s, trial)
	if best == nil {
		return nil, err
	}
	best.Steps, best.Found = steps, found
	best.Thresholds = []result.Threshold{}
	best.Verdict.Why = []string{}
	judge(best, cfg.Thresholds)
	best.Interrupted = err != nil
	return best, nil
}

// passes says whether a trial held, and why not.
func passes(r *result.Result, limit time.Duration) (bool, string) {
	if r.Verdict.Code != result.Valid {
		if len(r.Verdict.Why) > 0 {
			return false, r.Verdict.Why[0]
		}
		return false, r.Verdict.Code
	}
	switch d := r.Latency.Each; {
	case d == nil || d.P99 == nil:
		return false, "too few deliveries for a p99"
	case *d.P99 >= limit:
		return false, fmt.Sprintf("p99 %s", result.Duration(*d.P99))
	}
	return true, ""
}

// search narrows found down by trials.
func search(found *result.Found, s Search, trial func(rate int, longer time.Duration) (bool, error)) error {
	var held []int // ascending, all below fails
	fails := 0     // 0: none has
	longer := time.Duration(1)
	try := func(rate int) error {
		ok, err := trial(rate, longer)
		switch {
		case err != nil:
		case ok:
			held = append(held, rate)
		default:
			fails = rate
		}
		return err
	}
	for rate := s.From; fails == 0 && (len(held) == 0 || held[len(held)-1] < s.To); rate = min(2*rate, s.To) {
		if err := try(rate); err != nil {
			return err
		}
	}
	for len(held) > 0 {
		holds := held[len(held)-1]
		if fails-holds > max(1, int(precision*float64(holds))) {
			if err := try(max(holds+1, int(math.Sqrt(float64(holds)*float64(fails))))); err != nil {
				return err
			}
			continue
		}
		found.Holds, found.Fails, found.Confirmed = float64(holds), float64(fails), 0
		for range confirms {
			ok, err := trial(holds, confirmLonger)
			if err != nil {
				return err
			}
			if ok {
				found.Confirmed++
			}
		}
		if 2*found.Confirmed > confirms {
			return nil
		}
		// It was luck: down to the one before it, and no more short trials.
		held, fails, longer = held[:len(held)-1], holds, confirmLonger
	}
	found.Holds, found.Fails, found.Confirmed = 0, float64(fails), 0
	return nil
}
