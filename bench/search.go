package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Ladder runs at each of the rates, or numbers of connections, in turn. It continues after a step that fails, because its purpose is the
// whole curve. It returns the result of the last step, with a table of all steps and the floor of the last step that holds. If a step
// cannot run, Ladder ends with an error.
func Ladder(ctx context.Context, cfg Config, rungs Rungs, onProgress func(Progress)) (*result.Result, error) {
	var last, held *result.Result
	var heldAt int
	steps := []result.Step{}
	for i := range rungs.Len() {
		r, err := Run(ctx, rungs.Step(cfg, i), named(onProgress, fmt.Sprintf("step %d of %d", i+1, rungs.Len())))
		if r != nil {
			steps = append(steps, stepOf(r))
			last = r
			last.Steps = steps
		}
		if err != nil || r.Interrupted {
			return last, err
		}
		if r.Verdict.Code == result.Valid {
			held, heldAt = r, i
		}
	}
	if held != nil {
		c := rungs.Step(cfg, heldAt)
		c.Floor = cfg.Floor
		notes := len(held.Notes)
		addFloor(ctx, c, held, onProgress)
		steps[heldAt].Floor = held.Floor
		if held == last {
			hold(last, cfg.Thresholds) // a threshold may use the floor
		} else {
			last.Notes = append(last.Notes, held.Notes[notes:]...)
		}
	}
	return last, nil
}

// Rungs are the steps of a ladder. If one list is shorter, the remaining steps use the configured value.
type Rungs struct {
	Rates       []int // messages a second
	Connections []int
}

// Len returns the number of steps.
func (rs Rungs) Len() int { return max(len(rs.Rates), len(rs.Connections)) }

// Step returns the configuration of step i.
func (rs Rungs) Step(cfg Config, i int) Config {
	cfg.Floor = false
	if i < len(rs.Rates) {
		cfg.Rate = rs.Rates[i]
	}
	if i < len(rs.Connections) {
		cfg.Connections = rs.Connections[i]
		cfg.Publishers = min(cfg.Publishers, cfg.Connections)
	}
	return cfg
}

func named(onProgress func(Progress), step string) func(Progress) {
	return func(p Progress) {
		p.Step = step
		if onProgress != nil {
			onProgress(p)
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

// Search configures Find.
type Search struct {
	From   int           // first rate, in messages a second
	To     int           // largest rate
	Limit  time.Duration // the p99 must be below this
	Step   time.Duration // duration of a trial
	Warmup time.Duration // warm-up of a trial
}

const (
	precision     = 0.05 // narrowest interval, as a share of the rate
	confirms      = 3
	confirmLonger = 2 // length of a confirmation, as a multiple of a trial's
)

// Find searches for the highest rate at which the p99 is below the limit and every message is delivered. It doubles the rate until a trial
// fails, halves the interval until it is narrow, and confirms the rate that held. If most confirmations fail, the rate did not hold, and
// the search continues below it. A trial that is CLIENT-LIMITED or NOT STEADY is repeated once. If it is CLIENT-LIMITED again, the search
// also continues below, and the result has a note about it.
func Find(ctx context.Context, cfg Config, s Search, onProgress func(Progress)) (*result.Result, error) {
	var steps []result.Step
	var best *result.Result
	trial := func(rate int, longer time.Duration) (*result.Result, bool, error) {
		c := cfg
		c.Floor, c.Thresholds = false, nil
		c.Rate = rate
		c.Auto, c.Warmup, c.Duration = false, s.Warmup, s.Step*longer
		r, err := Run(ctx, c, named(onProgress, result.Number(rate, "message")+"/s"))
		if err != nil {
			return nil, false, err
		}
		step := stepOf(r)
		step.Pass, step.Why = passes(r, s.Limit)
		steps = append(steps, step)
		if step.Pass || best == nil {
			best = r
		}
		if r.Interrupted {
			return r, false, context.Canceled
		}
		return r, step.Pass, nil
	}
	found := &result.Found{Limit: s.Limit, Confirms: confirms}
	err := search(found, s, func(rate int, longer time.Duration) (outcome, error) {
		return measured(func() (*result.Result, bool, error) { return trial(rate, longer) })
	})
	if best == nil {
		return nil, err
	}
	best.Steps, best.Found = steps, found
	best.Interrupted = errors.Is(err, context.Canceled)
	if err == nil && found.Holds > 0 {
		c := cfg
		c.Rate = int(found.Holds)
		addFloor(ctx, c, best, onProgress)
	}
	hold(best, cfg.Thresholds)
	if best.Interrupted {
		return best, nil
	}
	return best, err
}

// outcome is the result of a trial.
type outcome uint8

const (
	passed outcome = iota
	failed
	unmeasured // the client was the bottleneck
)

// measured returns the outcome of a trial. It repeats the trial once if a short disturbance of the machine may have spoiled it.
func measured(trial func() (r *result.Result, pass bool, err error)) (outcome, error) {
	r, pass, err := trial()
	if err == nil && !pass && (r.Verdict.Code == result.Limited || r.Verdict.Code == result.Unsteady) {
		r, pass, err = trial()
	}
	switch {
	case err != nil:
		return unmeasured, err
	case pass:
		return passed, nil
	case r.Verdict.Code == result.Limited:
		return unmeasured, nil
	default: // not steady twice, so the load was the cause
		return failed, nil
	}
}

// passes reports whether a trial held, and the reason if it did not.
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

// search runs trials and narrows found down.
func search(found *result.Found, s Search, trial func(rate int, longer time.Duration) (outcome, error)) error {
	var held []int // ascending; all are below fails
	fails := 0     // 0: none has failed
	longer := time.Duration(1)
	try := func(rate int) error {
		what, err := trial(rate, longer)
		switch {
		case err != nil:
		case what == passed:
			held = append(held, rate)
		default:
			fails, found.Limited = rate, what == unmeasured
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
		limited := false
		for range confirms {
			what, err := trial(holds, confirmLonger)
			if err != nil {
				return err
			}
			if what == passed {
				found.Confirmed++
			}
			limited = limited || what == unmeasured
		}
		if 2*found.Confirmed > confirms {
			return nil
		}
		found.Limited = limited
		// The rate held by chance: continue with the previous one, and make all further trials as long as a confirmation.
		held, fails, longer = held[:len(held)-1], holds, confirmLonger
	}
	found.Holds, found.Fails, found.Confirmed = 0, float64(fails), 0
	return nil
}
