//go:build linux

package main

import (
	"testing"
	"time"
)

// A stall of one second counts as a hundred late rounds, not as one.
func TestAStallCountsForAllMissedRounds(t *testing.T) {
	from := time.Unix(1000, 0)
	var samples []sample
	at := from
	for range 1000 {
		samples = append(samples, sample{at, time.Millisecond})
		at = at.Add(interval)
	}
	if got := p99Of(samples, from, at); got != time.Millisecond {
		t.Errorf("got a p99 of %v without a stall, want 1ms", got)
	}
	samples = append(samples, sample{at, time.Second})
	if got := p99Of(samples, from, at.Add(1)); got < 800*time.Millisecond {
		t.Errorf("got a p99 of %v with a stall of 1 s in 10 s", got)
	}
	if got := p99Of(samples, from, at); got != time.Millisecond {
		t.Errorf("got a p99 of %v, want only rounds that began before the end", got)
	}
}
