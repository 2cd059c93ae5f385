package limiter

import (
	"testing"
	"time"
)

func TestABurstThenTheRate(t *testing.T) {
	limit := PerSecond(100)
	var m Meter
	allowed := func(from, to time.Duration) (n int) {
		for now := from; now < to; now += time.Millisecond {
			if limit.Allow(&m, now, 1) {
				n++
			}
		}
		return n
	}
	start := time.Hour
	burst := 0
	for limit.Allow(&m, start, 1) {
		burst++
	}
	if burst != 200 {
		t.Errorf("got a burst of %d, want 200", burst)
	}
	if got := allowed(start, start+10*time.Second); got < 998 || got > 1001 {
		t.Errorf("after the burst: got %d in 10 s, want 1000", got)
	}
	if got := allowed(start+time.Minute, start+time.Minute+time.Second); got < 298 || got > 301 {
		t.Errorf("rested: got %d in a second, want the burst of 200 and 100", got)
	}
}

func TestTheRateCountsByWeight(t *testing.T) {
	limit := PerSecond(100)
	var m Meter
	n := 0
	for limit.Allow(&m, time.Hour, 50) {
		n++
	}
	if n != 4 {
		t.Errorf("got %d messages of 50 frames through, want 4", n)
	}
}

func TestNoRateIsNoLimit(t *testing.T) {
	limit := PerSecond(0)
	var m Meter
	for range 1_000_000 {
		if !limit.Allow(&m, 0, 1) {
			t.Fatal("rejected, want every event allowed")
		}
	}
}

// The rate is exact to the nanosecond: each step has a time, and the number of events that are allowed then.
func TestTheRateIsExact(t *testing.T) {
	const every = 10 * time.Millisecond // at 100 a second
	for name, steps := range map[string][]struct {
		at time.Duration
		n  int
	}{
		"a burst":           {{0, 200}},
		"one in its time":   {{0, 200}, {every - 1, 0}, {every, 1}, {2 * every, 1}, {3*every - 1, 0}},
		"a rest":            {{0, 200}, {time.Second, 100}, {time.Second, 0}},
		"a rest too short":  {{0, 200}, {2*time.Second - 1, 199}},
		"a whole rest":      {{0, 200}, {2 * time.Second, 200}},
		"nothing is saved":  {{0, 200}, {time.Hour, 200}, {2 * time.Hour, 200}},
		"the first is late": {{time.Hour, 200}},
	} {
		limit, m := PerSecond(100), Meter(0)
		for i, step := range steps {
			got := 0
			for limit.Allow(&m, time.Second+step.at, 1) {
				got++
			}
			if got != step.n {
				t.Errorf("%s, step %d: got %d, want %d", name, i, got, step.n)
			}
		}
	}
}

// A rejected event does not count, and n events count n times.
func TestARejectionCountsNothing(t *testing.T) {
	limit, m := PerSecond(100), Meter(0)
	for range 1000 {
		if limit.Allow(&m, time.Second, 201) {
			t.Fatal("more than a burst was allowed")
		}
	}
	if !limit.Allow(&m, time.Second, 150) || limit.Allow(&m, time.Second, 51) || !limit.Allow(&m, time.Second, 50) {
		t.Error("want 150 and 50 allowed of a burst of 200, and no more")
	}
	limit.Undo(&m)
	if !limit.Allow(&m, time.Second, 1) || limit.Allow(&m, time.Second, 1) {
		t.Error("want the undone event allowed once")
	}
}

func TestChargeCounts(t *testing.T) {
	limit, m := Rate{Every: 10 * time.Millisecond, Burst: time.Second}, Meter(0)
	for _, step := range []struct {
		at     time.Duration
		charge int
		lately int
		over   bool
	}{
		{time.Hour, 0, 0, false},
		{time.Hour, 99, 99, false},
		{time.Hour, 1, 100, true},
		{time.Hour, 50, 150, true},
		{time.Hour, -50, 100, true},
		{time.Hour + 1, 0, 99, false},
		{time.Hour + time.Second, 0, 0, false},
		{2 * time.Hour, 0, 0, false},
	} {
		limit.Charge(&m, step.at, step.charge)
		if lately, over := limit.AboveAverage(m, step.at), limit.Overdrawn(m, step.at); lately != step.lately || over != step.over {
			t.Errorf("at %v, %d charged: got %d above the average, overdrawn %v; want %d, %v", step.at, step.charge, lately, over, step.lately, step.over)
		}
	}
	if got := limit.AboveAverage(0, time.Hour); got != 0 {
		t.Errorf("got %d above the average after an hour without events, want 0", got)
	}
	var none Rate
	if none.AboveAverage(m, 0) != 0 || none.Overdrawn(Meter(time.Hour), 0) {
		t.Error("want no overdrawn meter without a limit")
	}
}

// A parked meter is kept until its rate has recovered.
func TestParkedMetersAreResumed(t *testing.T) {
	var s Parked[string]
	const now = time.Hour
	s.Park("rested", Meter(now), now)
	s.Park("ann", Meter(now+time.Second), now)
	if len(s.meters) != 1 || s.Resume("ann") != Meter(now+time.Second) || s.Resume("ann") != 0 || len(s.meters) != 0 {
		t.Errorf("got %v, want the meter of ann only, and once", s.meters)
	}
	s.Park("ann", Meter(now+time.Second), now)
	s.Park("bob", Meter(now+time.Hour), now)
	s.Park("eve", Meter(now+time.Hour), now+time.Minute) // drops recovered meters
	if _, is := s.meters["ann"]; is || len(s.meters) != 2 {
		t.Errorf("got %v, want the meter of ann dropped", s.meters)
	}
}

func TestAnOverdrawnRate(t *testing.T) {
	r := PerSecond(1000)
	var m Meter
	now := time.Hour
	r.Charge(&m, now, 1999)
	if r.Overdrawn(m, now) || r.AboveAverage(m, now) != 1999 {
		t.Errorf("overdrawn too early, or %d lately", r.AboveAverage(m, now))
	}
	r.Charge(&m, now, 2001)
	if !r.Overdrawn(m, now) || !r.Overdrawn(m, now+2*time.Second) || r.Overdrawn(m, now+2*time.Second+1) {
		t.Error("want it overdrawn for two seconds")
	}
	r.Charge(&m, now, -4000)
	if r.AboveAverage(m, now) != 0 || (Rate{}).Overdrawn(m, 0) || (Rate{}).AboveAverage(m, 0) != 0 {
		t.Error("want nothing counted, and no rate to have no limit")
	}
}
