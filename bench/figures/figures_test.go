package main

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// costing returns a result with a CPU cost per delivery in nanoseconds.
func costing(ns float64, verdict string) *result.Result {
	return &result.Result{Server: result.Server{PerDelivery: ns}, Verdict: result.Verdict{Code: verdict}}
}

func TestARatioIsOfTheSameRound(t *testing.T) {
	floor := []*result.Result{costing(1000, ""), nil, costing(4000, "")}
	of := []*result.Result{costing(2000, ""), costing(9000, ""), costing(8000, "")}
	perFloor := column[serverRound]{decimals: 2, value: overFloor(perDelivery)}
	both := results{"of": of, "floor": floor}.rows([]string{"of"})
	if got := perFloor.cell(both[0].rounds); got != "2.00" {
		t.Errorf("got %s, want 2.00: a failed round does not count", got)
	}
	alone := results{"of": of}.rows([]string{"of"})
	if got := perFloor.cell(alone[0].rounds); got != "–" {
		t.Errorf("without a floor: got %s", got)
	}
	if got := (column[serverRound]{decimals: 1, value: ofRun(perDelivery)}).cell(alone[0].rounds); got != "8.0" {
		t.Errorf("got a median of %s, want 8.0", got)
	}
}

func TestATableHasTheVerdicts(t *testing.T) {
	valid, limited := costing(1, result.Valid), costing(1, result.Limited)
	for want, runs := range map[string][]*result.Result{
		"VALID":                               {valid, nil, valid},
		"CLIENT-LIMITED 1 of 3, VALID 2 of 3": {valid, limited, valid},
		"–":                                   {nil},
	} {
		if got := verdicts(runs); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheCommandOfATableIsWhatWasRun(t *testing.T) {
	got := workload{scenario: "idle", flags: []string{"--connections", "5"}}.command(1)
	if want := "`taskset -c 1 ./throng bench idle ws://" + address + "/ws --connections 5`, once"; strings.TrimSpace(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (workload{scenario: "idle"}).command(3); !strings.Contains(got, ", 3 rounds") {
		t.Errorf("got %s", got)
	}
}

func TestStuckReadersAreInFigures(t *testing.T) {
	p99 := 3 * time.Millisecond
	r := &result.Result{Slow: &result.Slow{Before: &result.Distribution{P99: &p99}, CutAfter: &result.Distribution{Max: 5 * time.Second}}}
	of := func(f func(*result.Slow) float64, runs ...*result.Result) string {
		return column[serverRound]{decimals: 1, value: ofSlow(f)}.cell(results{"": runs}.rows([]string{""})[0].rounds)
	}
	if got := of(cutWithin, r); got != "5.0" {
		t.Errorf("got %s, want 5.0", got)
	}
	if got := of(func(s *result.Slow) float64 { return millis(s.Before) }, r, &result.Result{}); got != "3.0" {
		t.Errorf("got %s, want 3.0", got)
	}
	if got := of(func(s *result.Slow) float64 { return millis(s.Healthy) }, r); got != "–" {
		t.Errorf("got %s without a measurement", got)
	}
}

func TestMemoryThatIsNotKnownIsADash(t *testing.T) {
	hidden := &result.Result{Connect: result.Connect{Opened: 10_000}, Server: result.Server{PSSBefore: 23_000_000, PerConn: 117}}
	text := idleText([]string{"throng"}, results{"throng": {hidden}})
	if !strings.Contains(text, "| throng | 10000 | – |") || strings.Contains(text, "117") {
		t.Errorf("got %s", text)
	}
}
