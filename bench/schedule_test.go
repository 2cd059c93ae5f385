package bench

import "testing"

func TestPacerGivesEachMessageAtItsMoment(t *testing.T) {
	for _, rate := range []uint64{1, 3, 7, 100, 1000, 16_000, 333_333, 10_000_000} {
		p := pacer{start: 1_000_003, rate: rate, total: 5000}
		for n := range p.total {
			at := p.intended(n)
			if from, to := p.due(at - 1); from != to {
				t.Fatalf("rate %d, message %d: [%d, %d) due before its moment", rate, n, from, to)
			}
			from, to := p.due(at)
			if from != n || to != n+1 {
				t.Fatalf("rate %d: got [%d, %d) at the moment of message %d", rate, from, to, n)
			}
		}
		if !p.done() {
			t.Errorf("rate %d: not done after all messages", rate)
		}
	}
}

func TestPacerCatchesUpAndNeverSkips(t *testing.T) {
	p := pacer{start: 500, rate: 1000, total: 100}
	for _, step := range []struct {
		at       int64
		from, to uint64
	}{
		{at: 0, from: 0, to: 0},
		{at: 500, from: 0, to: 1},
		{at: 500, from: 1, to: 1},
		{at: 30_000_500, from: 1, to: 31},
		{at: 20_000_500, from: 31, to: 31}, // a clock that went back
		{at: 31_000_499, from: 31, to: 31},
		{at: 1 << 62, from: 31, to: 100},
		{at: 1 << 62, from: 100, to: 100},
	} {
		if from, to := p.due(step.at); from != step.from || to != step.to {
			t.Errorf("at %d: got [%d, %d), want [%d, %d)", step.at, from, to, step.from, step.to)
		}
	}
}

func TestPacerKeepsItsRateForAWeek(t *testing.T) {
	const week = 7 * 24 * 3600
	p := pacer{rate: 10_000_000, total: 1 << 62}
	if got, want := p.intended(week*p.rate), int64(week*1e9); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if _, to := p.due(week*1e9 - 1); to != week*p.rate {
		t.Errorf("got %d, want %d", to, week*p.rate)
	}
}
