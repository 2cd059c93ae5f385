package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Ladder measures at each of the rates, or numbers of connections, in turn, and goes on after one that does not hold: the whole curve
// is what it is for. The result is that of the last run, with all as steps, and the floor of the last that holds. One that cannot be run is
// an error, and ends it.
func Ladder(ctx context.Context, cfg Config, rungs Rungs, tell func(Progress)) (*result.Result, error) {
	var last, held *result.Result
	var heldAt int
	steps := []result.Step{}
	for i := range rungs.Len() {
		r, err := Run(ctx, rungs.Step(cfg, i), named(tell, fmt.Sprintf("step %d of %d", i+1, rungs.Len())))
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
		addFloor(ctx, c, held, tell)
		steps[heldAt].Floor = held.Floor
		if held == last {
			hold(last, cfg.Thresholds) // one of them may be of the floor
		} else {
			last.Notes = append(last.Notes, held.Notes[notes:]...)
		}
	}
	return last, nil
}

// Rungs are the steps of a ladder. A list that ends before the other leaves the rest of its steps as configured.
type Rungs struct {
	Rates       []int // messages a second
	Connections []int
}

// Len is the number of steps.
func (rs Rungs) Len() int { return max(len(rs.Rates), len(rs.Connections)) }

// Step is what step i measures.
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
	From   int           // messages a second that it begins with
	To     int           // and never exceeds
	Limit  time.Duration // p99 that a rate must keep to
	Step   time.Duration // of each trial
	Warmup time.Duration // of each trial, before that
}

const (
	precision     = 0.05 // of the rate, to which the interval is narrowed
	confirms      = 3
	confirmLonger = 2 // times a trial
)

// Find searches for the highest rate at which the p99 is under the limit and every message is delivered: it doubles until a
// trial fails, and halves the interval until that is narrow; then it confirms the end that held. A rate whose confirmations
// mostly fail did not hold, and the search goes on below it. A trial that measured the client is made once more; if that did, too, the
// search goes on below it as well, but the server is not blamed.
func Find(ctx context.Context, cfg Config, s Search, tell func(Progress)) (*result.Result, error) {
	var steps []result.Step
	var best *result.Result
	trial := func(rate int, longer time.Duration) (*result.Result, bool, error) {
		c := cfg
		c.Floor, c.Thresholds = false, nil
		c.Rate = rate
		c.Auto, c.Warmup, c.Duration = false, s.Warmup, s.Step*longer
		r, err := Run(ctx, c, named(tell, result.Number(rate, "message")+"/s"))
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
		addFloor(ctx, c, best, tell)
	}
	hold(best, cfg.Thresholds)
	if best.Interrupted {
		return best, nil
	}
	return best, err
}

// outcome is what a trial says of the server.
type outcome uint8

const (
	passed outcome = iota
	failed
	unmeasured // the client was the limit
)

// measured is the outcome of a trial, which is made once more where a moment of the machine may have spoiled it. It says whether
// it passed.
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
	default: // not steady twice: it was the load that it could not stand
		return failed, nil
	}
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
func search(found *result.Found, s Search, trial func(rate int, longer time.Duration) (outcome, error)) error {
	var held []int // ascending, all below fails
	fails := 0     // 0: none has
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
		// It was luck: down to the one before it, and no more short trials.
		held, fails, longer = held[:len(held)-1], holds, confirmLonger
	}
	found.Holds, found.Fails, found.Confirmed = 0, float64(fails), 0
	return nil
}
