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

// The rate to the nanosecond: each step is at a moment, and wants so many to be allowed then, and no more.
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
		limit, m := perSecond(100), meter(0)
		for i, step := range steps {
			got := 0
			for limit.allow(&m, time.Second+step.at, 1) {
				got++
			}
			if got != step.n {
				t.Errorf("%s, step %d: got %d, want %d", name, i, got, step.n)
			}
		}
	}
}

// What is refused costs nothing, and several count as several.
func TestARefusalCostsNothing(t *testing.T) {
	limit, m := perSecond(100), meter(0)
	for range 1000 {
		if limit.allow(&m, time.Second, 201) {
			t.Fatal("more than a burst was allowed")
		}
	}
	if !limit.allow(&m, time.Second, 150) || limit.allow(&m, time.Second, 51) || !limit.allow(&m, time.Second, 50) {
		t.Error("want 150 and 50 allowed of a burst of 200, and no more")
	}
	limit.giveBack(&m)
	if !limit.allow(&m, time.Second, 1) || limit.allow(&m, time.Second, 1) {
		t.Error("want what was given back allowed once")
	}
}

func TestWhatIsChargedIsCounted(t *testing.T) {
	limit, m := rateLimit{every: 10 * time.Millisecond, burst: time.Second}, meter(0)
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
		limit.charge(&m, step.at, step.charge)
		if lately, over := limit.lately(m, step.at), limit.overdrawn(m, step.at); lately != step.lately || over != step.over {
			t.Errorf("at %v, %d charged: got %d lately, overdrawn %v; want %d, %v", step.at, step.charge, lately, over, step.lately, step.over)
		}
	}
	if got := limit.lately(0, time.Hour); got != 0 {
		t.Errorf("got %d lately after an hour of nothing, want 0", got)
	}
	var none rateLimit
	if none.lately(m, 0) != 0 || none.overdrawn(meter(time.Hour), 0) {
		t.Error("want no limit never to be overdrawn")
	}
}

// Who goes keeps what it has spent, for as long as that matters.
func TestWhatWasSpentIsRemembered(t *testing.T) {
	var s spent[string]
	const now = time.Hour
	s.goes("rested", meter(now), now)
	s.goes("ann", meter(now+time.Second), now)
	if len(s.meters) != 1 || s.comes("ann") != meter(now+time.Second) || s.comes("ann") != 0 || len(s.meters) != 0 {
		t.Errorf("got %v, want ann alone remembered, and once", s.meters)
	}
	s.goes("ann", meter(now+time.Second), now)
	s.goes("bob", meter(now+time.Hour), now)
	s.goes("eve", meter(now+time.Hour), now+time.Minute) // a look for who has rested
	if _, is := s.meters["ann"]; is || len(s.meters) != 2 {
		t.Errorf("got %v, want ann forgotten", s.meters)
	}
}
