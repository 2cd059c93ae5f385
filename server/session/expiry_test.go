package session

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// Tokens may be valid for longer than ticks can count. Their connections are not closed earlier.
func TestATokenMayBeGoodForAVeryLongTime(t *testing.T) {
	h := &Sessions{Hub: &chat.Hub{Engine: &fanout.Engine{Core: fanout.Core{Clock: fanout.NewClock()}}}}
	round := (1 << 32) * fanout.TickLength // the ticks overflow
	for _, end := range []time.Time{time.Now().Add(round + time.Second), time.Unix(253402300799, 0)} {
		if left := time.Duration(h.tickOf(end)-h.Clock.Tick()) * fanout.TickLength; h.tickOf(end) < h.Clock.Tick() || left < 365*24*time.Hour {
			t.Errorf("%v: got %v left, want a year or more", end, left)
		}
		if left := time.Duration(ttl(end)) * time.Second; left < 365*24*time.Hour || left > MaxMoment {
			t.Errorf("%v: got a ttl of %v, want a year to %v", end, left, MaxMoment)
		}
	}
}

func TestAnExpiryUsesTheWallClock(t *testing.T) {
	at := time.Unix(1_800_000_000, 1)
	e := expiryOf(at)
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{
		{at.Add(-time.Hour), false},
		{at.Add(ExpiryGrace), false},
		{at.Add(ExpiryGrace + time.Second), true},
		{at.Add(time.Hour), true},
	} {
		if got := e.over(tt.now); got != tt.want {
			t.Errorf("at %v: got over %v, want %v", tt.now, got, tt.want)
		}
	}
	if never := expiryOf(time.Time{}); never != 0 || never.over(at) || !never.end().IsZero() {
		t.Errorf("got %v for never", never)
	}
	if past := expiryOf(time.Unix(-5, 0)); !past.over(at) {
		t.Error("a time before 1970 is never reached")
	}
	if far := expiryOf(time.Unix(253402300799, 0)); far.over(at) || far == 0 {
		t.Errorf("got %v for the year 9999", far)
	}
}
