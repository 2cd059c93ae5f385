package main

import (
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

func TestMemoryOfRoundsThatAgreeIsTheirMedian(t *testing.T) {
	of := func(values ...float64) string {
		var rounds []serverRound
		for _, v := range values {
			r := &result.Result{}
			// The error of the single run is over its limit.
			r.Server = result.Server{PSSBefore: 1 << 20, PerConn: v, PerConnError: v, Levels: make([]result.Level, 10)}
			rounds = append(rounds, serverRound{run: r})
		}
		return memoryOf(runOf)(append(rounds, serverRound{}))
	}
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{489, 520, 500}, "500"},
		{[]float64{400, 500, 624}, "500"},
		{[]float64{374, 500, 500}, "–"},
		{[]float64{500, 500, 626}, "–"},
		{nil, "–"},
	} {
		if got := of(c.values...); got != c.want {
			t.Errorf("%v: got %s, want %s", c.values, got, c.want)
		}
	}
	// A run without a reading does not count.
	if got := memoryOf(runOf)([]serverRound{{run: &result.Result{}}}); got != "–" {
		t.Errorf("no reading: got %s", got)
	}
}
