// Package compare compares two servers: by pairs of alternating runs with a statistical test (AB), or by two result files without a test
// (Files). A slow change of the machine affects both runs of a pair in the same way. The seconds of two single runs cannot tell a server
// from a disturbance.
package compare

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// turns returns which server runs first in each pair: A B, B A, A B and so on. True is B.
func turns(pairs int) (order []bool) {
	for i := range pairs {
		order = append(order, i%2 == 1, i%2 == 0)
	}
	return order
}

// Pairs are the two results of each pair, A's first.
type Pairs [][2]*result.Result

// AB runs the pairs in turn, after one run of each server that does not count. An error ends it; then it returns the complete pairs with
// the error.
func AB(ctx context.Context, pairs int, run func(ctx context.Context, b bool, what string) (*result.Result, error)) (Pairs, error) {
	for _, b := range []bool{false, true} {
		if _, err := run(ctx, b, "warm-up"); err != nil {
			return nil, err
		}
	}
	var done Pairs
	var pair [2]*result.Result
	for i, b := range turns(pairs) {
		r, err := run(ctx, b, fmt.Sprintf("pair %d of %d", i/2+1, pairs))
		if err != nil {
			return done, err
		}
		if b {
			pair[1] = r
		} else {
			pair[0] = r
		}
		if i%2 == 1 {
			done = append(done, pair)
		}
	}
	return done, nil
}

// Judgement is the result of the test of one metric.
type Judgement struct {
	Metric  result.Metric
	A, B    float64 // medians
	Pair    stats.Pair
	Primary bool
	Word    string // faster, slower, or no difference shown: of B
}

// The results of a test.
const (
	Faster = "faster"
	Slower = "slower"
	None   = "no difference shown"
)

// significance is the probability of a wrong difference: of the primary metric, and of all other metrics together.
const significance = 0.05

// Primary returns the default primary metric: the server's CPU per delivery or per upgrade, or the median latency if its process is not
// visible.
func Primary(pairs Pairs) string {
	for _, name := range []string{"cpu/delivery", "cpu/upgrade", "p50", "connect-p50"} {
		if m, err := result.MetricNamed(name); err == nil {
			if _, ok := values(pairs, m); ok {
				return name
			}
		}
	}
	return "p50"
}

// Judge tests every metric that all runs measured. The primary metric has its own test. The others share one by Holm's method, because one
// of twenty would differ by chance.
func Judge(pairs Pairs, primary string) ([]Judgement, error) {
	if _, err := result.MetricNamed(primary); err != nil {
		return nil, err
	}
	var all []Judgement
	for _, m := range result.Metrics {
		if m.Better == 0 {
			continue
		}
		v, ok := values(pairs, m)
		if !ok {
			continue
		}
		p, ok := stats.Paired(v[0], v[1])
		if !ok {
			continue
		}
		all = append(all, Judgement{Metric: m, A: stats.Median(v[0]), B: stats.Median(v[1]), Pair: p, Primary: m.Name == primary, Word: None})
	}
	i := slices.IndexFunc(all, func(j Judgement) bool { return j.Primary })
	if i < 0 {
		return nil, fmt.Errorf("%s was not measured in every run", primary)
	}
	chosen := all[i]
	all = slices.Insert(slices.Delete(all, i, i+1), 0, chosen)
	if all[0].Pair.P < significance {
		all[0].setWord()
	}
	rest := slices.Clone(all[1:])
	slices.SortStableFunc(rest, func(a, b Judgement) int { return int(math.Copysign(1, a.Pair.P-b.Pair.P)) })
	for k, j := range rest {
		if j.Pair.P >= significance/float64(len(rest)-k) {
			break
		}
		for i := range all {
			if all[i].Metric.Name == j.Metric.Name {
				all[i].setWord()
			}
		}
	}
	return all, nil
}

// values returns the values of a metric by server, and false if a run did not measure it.
func values(pairs Pairs, m result.Metric) (v [2][]float64, ok bool) {
	for _, p := range pairs {
		for i, r := range p {
			x, ok := m.Value(r)
			if !ok {
				return v, false
			}
			v[i] = append(v[i], x)
		}
	}
	return v, len(pairs) > 0
}

func (j *Judgement) setWord() {
	j.Word = Slower
	if (j.Pair.Ratio > 1) == (j.Metric.Better > 0) {
		j.Word = Faster
	}
}

// doubts returns how many runs of each server had a verdict other than VALID.
func doubts(pairs Pairs) (texts []string) {
	for _, code := range []string{result.Gaps, result.Limited, result.Unsteady} {
		var of [2]int
		for _, p := range pairs {
			for i, r := range p {
				if r.Verdict.Code == code {
					of[i]++
				}
			}
		}
		if of[0]+of[1] > 0 {
			texts = append(texts, fmt.Sprintf("%d of %d runs of A and %d of B were %s", of[0], len(pairs), of[1], code))
		}
	}
	return texts
}

// Names are the names of the two servers, or files, in the text.
type Names struct{ A, B string }

// WriteJudgements writes the judgements as text, the primary metric first.
func WriteJudgements(w io.Writer, pairs Pairs, all []Judgement, names Names) error {
	var b strings.Builder
	first := all[0]
	most := max(first.Pair.High-1, 1-first.Pair.Low)
	switch {
	case first.Word == None && most >= 1:
		fmt.Fprintf(&b, "%s: %s are too few for a bound of the difference in %s: raise --pairs\n", None,
			result.Number(first.Pair.N, "pair"), first.Metric.Name)
	case first.Word == None:
		fmt.Fprintf(&b, "%s: B / A in %s: a difference, if any, is smaller than ±%.1f %%\n", None, first.Metric.Name, 100*most)
	default:
		fmt.Fprintf(&b, "B is %s: %s of B is %.1f %% of that of A, by %d pairs (95 %% interval: %.1f to %.1f %%)\n", first.Word, first.Metric.Name,
			100*first.Pair.Ratio, first.Pair.N, 100*first.Pair.Low, 100*first.Pair.High)
	}
	fmt.Fprintf(&b, "A          %s\nB          %s\n", names.A, names.B)
	for _, text := range doubts(pairs) {
		fmt.Fprintf(&b, "doubt      %s\n", text)
	}
	fmt.Fprintf(&b, "%-18s %14s %14s %9s %19s  %s\n", "metric", "A", "B", "B/A", "95 % interval", "B is")
	for _, j := range all {
		fmt.Fprintf(&b, "%-18s %14s %14s %9.3f %9.3f to %6.3f  %s\n", j.Metric.Name, j.Metric.Text(j.A), j.Metric.Text(j.B), j.Pair.Ratio,
			j.Pair.Low, j.Pair.High, j.Word)
	}
	_, err := io.WriteString(w, result.Printable(b.String()))
	return err
}

// Files writes two results side by side. Its last line states that single runs cannot show a difference.
func Files(w io.Writer, a, b *result.Result, names Names) error {
	var text strings.Builder
	fmt.Fprintf(&text, "A          %s: %s%s\nB          %s: %s%s\n", names.A, a.Verdict.Code, labelled(a), names.B, b.Verdict.Code, labelled(b))
	for _, d := range differences(a, b) {
		fmt.Fprintf(&text, "differs    %s\n", d)
	}
	fmt.Fprintf(&text, "%-18s %14s %14s %9s\n", "metric", "A", "B", "B/A")
	for _, m := range result.Metrics {
		x, ok1 := m.Value(a)
		y, ok2 := m.Value(b)
		if !ok1 && !ok2 || x == 0 && y == 0 {
			continue
		}
		cells := [3]string{"–", "–", "–"}
		if ok1 {
			cells[0] = m.Text(x)
		}
		if ok2 {
			cells[1] = m.Text(y)
		}
		if ok1 && ok2 && x != 0 {
			cells[2] = fmt.Sprintf("%.3f", y/x)
		}
		fmt.Fprintf(&text, "%-18s %14s %14s %9s\n", m.Name, cells[0], cells[1], cells[2])
	}
	text.WriteString("One run of each cannot show a difference between two servers: use throng bench ab.\n")
	_, err := io.WriteString(w, result.Printable(text.String()))
	return err
}

func labelled(r *result.Result) string {
	if r.Label == "" {
		return ""
	}
	return " · " + r.Label
}

// differences returns the settings in which two runs differ, so that they cannot be compared.
func differences(a, b *result.Result) (list []string) {
	for _, c := range []struct {
		what string
		of   func(*result.Result) any
	}{
		{what: "scenario", of: func(r *result.Result) any { return r.Plan.Scenario }},
		{what: "connections", of: func(r *result.Result) any { return r.Plan.Connections }},
		{what: "ramp", of: func(r *result.Result) any { return r.Plan.Ramp }},
		{what: "rooms", of: func(r *result.Result) any { return r.Plan.Rooms }},
		{what: "rate", of: func(r *result.Result) any { return r.Plan.Rate }},
		{what: "random times", of: func(r *result.Result) any { return r.Plan.Poisson }},
		{what: "closed loop", of: func(r *result.Result) any { return r.Plan.Closed }},
		{what: "size", of: func(r *result.Result) any { return r.Plan.Size }},
		{what: "publishers", of: func(r *result.Result) any { return r.Plan.Publishers }},
		{what: "protocol", of: func(r *result.Result) any { return r.Target.Protocol }},
		{what: "processor", of: func(r *result.Result) any { return r.Env.CPU }},
		{what: "cores", of: func(r *result.Result) any { return r.Env.Cores }},
		{what: "kernel", of: func(r *result.Result) any { return r.Env.Kernel }},
		{what: "agents", of: func(r *result.Result) any { return len(r.Agents) }},
	} {
		if x, y := c.of(a), c.of(b); x != y {
			list = append(list, fmt.Sprintf("%s: %v and %v", c.what, x, y))
		}
	}
	return list
}
