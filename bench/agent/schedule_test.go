package agent

import (
	"math"
	"testing"
)

func TestConstantScheduleGivesEachMessageAtItsTime(t *testing.T) {
	for _, rate := range []uint64{1, 3, 7, 100, 1000, 16_000, 333_333, 10_000_000} {
		s := &constant{start: 1_000_003, end: math.MaxInt64, rate: rate, publishers: 3, agents: 1}
		for n := range uint64(5000) {
			at, publisher, ok := s.next()
			if want := s.start + int64(math.Floor(float64(n)*1e9/float64(rate))); at != want || publisher != int(n%3) || !ok {
				t.Fatalf("rate %d, message %d: got %d by %d, %v, want %d by %d", rate, n, at, publisher, ok, want, n%3)
			}
			s.done()
		}
	}
}

func TestConstantScheduleEnds(t *testing.T) {
	s := &constant{start: 500, end: 500 + 1e9, rate: 1000, publishers: 1, agents: 1}
	n := 0
	for _, _, ok := s.next(); ok; _, _, ok = s.next() {
		s.done()
		n++
	}
	if n != 1000 {
		t.Errorf("got %d messages in a second, want 1000", n)
	}
}

func TestConstantScheduleKeepsItsRateForAWeek(t *testing.T) {
	const week = 7 * 24 * 3600
	s := constant{rate: 10_000_000}
	if got, want := s.intended(week*s.rate), int64(week*1e9); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestAgentsShareASchedule(t *testing.T) {
	for _, publishers := range []uint64{3, 4, 7, 100} {
		at := map[int64]int{}
		for agent := range uint64(3) {
			s := &constant{end: 1e9, rate: 1000, publishers: publishers, agent: agent, agents: 3}
			for when, publisher, ok := s.next(); ok; when, publisher, ok = s.next() {
				if publisher%3 != int(agent) {
					t.Fatalf("agent %d sends for publisher %d", agent, publisher)
				}
				at[when]++
				s.done()
			}
		}
		if len(at) != 1000 {
			t.Errorf("%d publishers: three agents send at %d moments, want 1000", publishers, len(at))
		}
	}
}

// With several agents each sends the part of its own publishers, and no message is sent twice.
func TestAgentsShareARandomSchedule(t *testing.T) {
	const rate, seconds = 1000, 100
	at := map[int64]int{}
	for agent := range 3 {
		r := &run{
			plan:  &Plan{Agent: agent, Agents: 3, Rate: rate, Poisson: true, Publishers: 10, Seed: 5},
			start: &Start{At: 1000, End: 1000 + seconds*1e9},
			check: &deliveryCheck{agent: agent, agents: 3},
		}
		own := r.publishers()
		n := 0
		s := r.schedule(own)
		for when, publisher, ok := s.next(); ok; when, publisher, ok = s.next() {
			if publisher%3 != agent || when < 1000 {
				t.Fatalf("agent %d sends for publisher %d, %d ns after 0", agent, publisher, when)
			}
			at[when]++
			n++
			s.done()
		}
		if want := float64(rate * seconds * len(own) / 10); math.Abs(float64(n)-want) > 0.05*want {
			t.Errorf("agent %d sends %d messages for %d of 10 publishers, want about %.0f", agent, n, len(own), want)
		}
	}
	if all := rate * seconds; len(at) < all*9/10 {
		t.Errorf("got %d different times, want about %d: the agents' schedules are not independent", len(at), all)
	}
}

// A closed loop begins with as many messages as may be in flight, whichever agents have their publishers.
func TestAClosedLoopBeginsWithAllMessagesInFlight(t *testing.T) {
	first := map[int]bool{}
	for agent := range 2 {
		r := &run{plan: &Plan{Agent: agent, Agents: 2, Closed: 3, Publishers: 8}, start: &Start{At: 7, End: 1e9}, check: &deliveryCheck{agent: agent, agents: 2}}
		s := r.schedule(r.publishers())
		for at, publisher, ok := s.next(); ok; at, publisher, ok = s.next() {
			if at != 7 || first[publisher] || publisher%2 != agent {
				t.Errorf("agent %d: got publisher %d at %d", agent, publisher, at)
			}
			first[publisher] = true
			s.done()
		}
	}
	if len(first) != 3 || !first[0] || !first[1] || !first[2] {
		t.Errorf("got %v, want the first three", first)
	}
}

func TestPoissonScheduleHasItsRateAndIsRandom(t *testing.T) {
	const rate = 1000
	s := newPoisson(&Start{End: 100e9}, rate, []int{1, 4, 7}, 1)
	var gaps []float64
	by := map[int]int{}
	last := int64(0)
	for at, publisher, ok := s.next(); ok; at, publisher, ok = s.next() {
		gaps = append(gaps, float64(at-last))
		by[publisher]++
		last = at
		s.done()
	}
	var mean, square float64
	for _, g := range gaps {
		mean += g / float64(len(gaps))
	}
	for _, g := range gaps {
		square += (g - mean) * (g - mean) / float64(len(gaps))
	}
	if math.Abs(mean-1e9/rate) > 0.02e9/rate {
		t.Errorf("got a gap of %.0f ns on average, want %.0f", mean, 1e9/rate)
	}
	// The standard deviation of random gaps equals their mean.
	if ratio := math.Sqrt(square) / mean; math.Abs(ratio-1) > 0.05 {
		t.Errorf("standard deviation of the gaps: got %.2f of their mean, want 1", ratio)
	}
	for _, i := range s.publishers {
		if share := float64(by[i]) / float64(len(gaps)); math.Abs(share-1.0/3) > 0.02 {
			t.Errorf("publisher %d sends %.2f of all", i, share)
		}
	}
}
