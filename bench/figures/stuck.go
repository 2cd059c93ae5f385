package main

import (
	"math"

	"github.com/throng-chat/throng/bench/result"
)

var stuckLoad = workload{scenario: "slow", flags: []string{
	"--connections", "200", "--slow", "10%", "--rate", "50", "--publishers", "50", "--size", "8000", "--duration", "30s", "--warmup", "2s",
}}

var stuckTable = layout[serverRound]{rows: "server", columns: []column[serverRound]{
	{name: "p99 of the others, before", unit: "ms", decimals: 1, value: ofSlow(func(s *result.Slow) float64 { return millis(s.Before) })},
	{name: "while some do not read", unit: "ms", decimals: 1, value: ofSlow(func(s *result.Slow) float64 { return millis(s.Healthy) })},
	{name: "stopped", value: ofSlow(func(s *result.Slow) float64 { return float64(s.Stopped) })},
	{name: "cut", value: ofSlow(func(s *result.Slow) float64 { return float64(s.Cut) })},
	{name: "within", unit: "s", decimals: 1, value: ofSlow(cutWithin)},
	{name: "memory growth", unit: "MiB", decimals: 1, value: ofSlow(func(s *result.Slow) float64 { return float64(s.Grown) / (1 << 20) })},
	{name: "others lost", value: ofRun(lost)},
	{name: "verdict", text: verdictsOf(runOf)},
}}

// stuck measures a room in which one member in ten stops reading. Its messages are large, because the kernel buffers megabytes for a
// connection before the server must. One round is enough: the question is whether the other members notice.
func stuck() (string, error) {
	names := contestants(allServers)
	return stuckText(names, inTurn(1, names, stuckLoad)), nil
}

func stuckText(names []string, runs results) string {
	return stuckTable.markdown(runs.rows(names)) + stuckLoad.command(1)
}

// ofSlow returns a figure of a run in which members stopped reading.
func ofSlow(f func(*result.Slow) float64) func(serverRound) float64 {
	return ofRun(measured(func(r *result.Result) float64 {
		if r.Slow == nil {
			return math.NaN()
		}
		return f(r.Slow)
	}))
}

func millis(d *result.Distribution) float64 {
	if d == nil || d.P99 == nil {
		return math.NaN()
	}
	return float64(*d.P99) / 1e6
}

// cutWithin returns the time until the server closed the last of them, in seconds.
func cutWithin(s *result.Slow) float64 {
	if s.CutAfter == nil {
		return math.NaN()
	}
	return s.CutAfter.Max.Seconds()
}
