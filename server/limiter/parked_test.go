package limiter

import (
	"testing"
	"time"
)

func TestARecoveredLimiterIsDeleted(t *testing.T) {
	var s Parked[int]
	for who := range 1000 {
		now := time.Duration(who) * 100 * time.Millisecond
		s.Park(who, Meter(now+time.Second), now)
		if got := len(s.meters); got > 41 {
			t.Fatalf("got %d limiters kept, want those of the last four seconds", got)
		}
	}
	if got := s.Resume(999); got != Meter(99_900*time.Millisecond+time.Second) {
		t.Errorf("got %v, want the state that was parked", got)
	}
	if got := s.Resume(999); got != 0 {
		t.Errorf("a second time: got %v, want zero", got)
	}
	s.Park(1, Meter(time.Second), time.Minute)
	if got := s.Resume(1); got != 0 {
		t.Errorf("got %v for an unused limiter, want zero", got)
	}
}
