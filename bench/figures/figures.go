package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// figure returns a number of a run. It is NaN if the run did not measure it, or failed (nil).
type figure func(*result.Result) float64

// measured returns a figure that is NaN for a failed run, and otherwise the result of the function.
func measured(of func(*result.Result) float64) figure {
	return func(r *result.Result) float64 {
		if r == nil {
			return math.NaN()
		}
		return of(r)
	}
}

// metric returns the bench's metric of that name, times scale.
func metric(name string, scale float64) figure {
	m, err := result.MetricNamed(name)
	if err != nil {
		panic(err) // the names below are constants
	}
	return measured(func(r *result.Result) float64 {
		v, ok := m.Value(r)
		if !ok {
			return math.NaN()
		}
		return v * scale
	})
}

var (
	perUpgrade   = metric("cpu/upgrade", 1e6)
	perDelivery  = metric("cpu/delivery", 1e6)
	perSecond    = metric("deliveries/s", 1)
	p50          = metric("p50", 1e3)
	p99          = metric("p99", 1e3)
	lagP99       = metric("lag-p99", 1e3)
	lost         = metric("lost", 1)
	serverCores  = metric("cores", 1)
	clientCores  = metric("client-cores", 1)
	connectsPerS = metric("connects/s", 1)

	doubled           = measured(func(r *result.Result) float64 { return float64(r.Delivery.Duplicated + r.Delivery.Reordered) })
	held              = measured(func(r *result.Result) float64 { return float64(r.Connect.Opened - r.Delivery.Closed) })
	clientPerDelivery = measured(func(r *result.Result) float64 { return r.Client.PerDelivery / 1e3 })
	clientPerConn     = measured(func(r *result.Result) float64 { return r.Client.PerConn })
)

// serverRound is a run of a server and of the floor in one round. A run that failed is nil.
type serverRound struct{ run, floor *result.Result }

func ofRun(f figure) func(serverRound) float64 {
	return func(r serverRound) float64 { return f(r.run) }
}

// overFloor returns a figure as a multiple of the floor's in the same round.
func overFloor(f figure) func(serverRound) float64 {
	return func(r serverRound) float64 { return f(r.run) / f(r.floor) }
}

func runOf(r serverRound) *result.Result { return r.run }

// results are the runs of servers by name, one per round. A run that failed is nil.
type results map[string][]*result.Result

// in returns the run of a server in round i, or nil.
func (rs results) in(i int, name string) *result.Result {
	if i >= len(rs[name]) {
		return nil
	}
	return rs[name][i]
}

// rows returns the rows of a table of servers.
func (rs results) rows(names []string) (rows []row[serverRound]) {
	for _, name := range names {
		r := row[serverRound]{name: name}
		for i, run := range rs[name] {
			r.rounds = append(r.rounds, serverRound{run: run, floor: rs.in(i, "floor")})
		}
		rows = append(rows, r)
	}
	return rows
}

// verdictsOf returns the text of a column: the verdicts of one run of each round.
func verdictsOf[R any](run func(R) *result.Result) func([]R) string {
	return func(rounds []R) string {
		var runs []*result.Result
		for _, r := range rounds {
			runs = append(runs, run(r))
		}
		return verdicts(runs)
	}
}

// verdicts returns the verdicts of the runs: one word if all are the same, otherwise the counts.
func verdicts(results []*result.Result) string {
	count, runs := map[string]int{}, 0
	for _, r := range results {
		if r != nil {
			count[r.Verdict.Code]++
			runs++
		}
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(count)) {
		if count[code] == runs {
			return code
		}
		parts = append(parts, fmt.Sprintf("%s %d of %d", code, count[code], runs))
	}
	if runs == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}
