package server

import (
	"testing"
	"time"
)

func TestABurstThenTheRate(t *testing.T) {
	limit := perSecond(100)
	var m meter
	allowed := func(from, to time.Duration) (n int) {
		for now := from; now < to; now += time.Millisecond {
			if limit.allow(&m, now, 1) {
				n++
			}
		}
		return n
	}
	start := time.Hour
	burst := 0
	for limit.allow(&m, start, 1) {
		burst++
	}
	if burst != 200 {
		t.Errorf("got a burst of %d, want 200", burst)
	}
	if got := allowed(start, start+10*time.Second); got < 998 || got > 1001 {
		t.Errorf("behind the burst: got %d in 10 s, want 1000", got)
	}
	if got := allowed(start+time.Minute, start+time.Minute+time.Second); got < 298 || got > 301 {
		t.Errorf("rested: got %d in a second, want the burst of 200 and 100", got)
	}
}

func TestTheRateCountsByWeight(t *testing.T) {
	limit := perSecond(100)
	var m meter
	n := 0
	for limit.allow(&m, time.Hour, 50) {
		n++
	}
	if n != 4 {
		t.Errorf("got %d messages of 50 frames through, want 4", n)
	}
}

func TestNoRateIsNoLimit(t *testing.T) {
	limit := perSecond(0)
	var m meter
	for range 1_000_000 {
		if !limit.allow(&m, 0, 1) {
			t.Fatal("refused, want everything allowed")
		}
	}
}
