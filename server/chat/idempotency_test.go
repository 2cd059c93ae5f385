package chat

import (
	"testing"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/wheel"
)

// An idempotency key is valid for its TTL and its room, and uses no memory afterwards.
func TestAnIdempotencyKeyExpires(t *testing.T) {
	var s idempotencyCache
	first := wheel.Tick(fanout.FirstTick)
	s.add("x", "k", StreamPosition{Offset: 7, Epoch: "e"}, first)
	s.add("x", "other", StreamPosition{Offset: 8, Epoch: "e"}, first+1)
	for _, tt := range []struct {
		room, key string
		at        wheel.Tick
		want      bool
	}{
		{"x", "k", first, true},
		{"y", "k", first, false},
		{"x", "l", first, false},
		{"x", "k", first + fanout.InTicks(idempotencyTTL), true},
		{"x", "k", first + fanout.InTicks(idempotencyTTL) + 1, false},
		{"x", "other", first + fanout.InTicks(idempotencyTTL) + 1, true},
		{"x", "other", first + fanout.InTicks(idempotencyTTL) + 2, false},
	} {
		if got, ok := s.find(tt.room, tt.key, tt.at); ok != tt.want || ok && got.Epoch != "e" {
			t.Errorf("%s %s after %d ticks: got %v, %v; want %v", tt.room, tt.key, tt.at-first, got, ok, tt.want)
		}
	}
	if len(s.positions) != 0 || len(s.order) != 0 {
		t.Errorf("got %d places and %d keys left, want none", len(s.positions), len(s.order))
	}
}
