package chat

import (
	"strconv"
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

// A key that is dropped before its time is counted, and one that expires is not.
func TestEvictedIdempotencyKeysAreCounted(t *testing.T) {
	var s idempotencyCache
	first := wheel.Tick(fanout.FirstTick)
	const over = 3
	for i := range maxIdempotencyKeys + over {
		s.add("x", strconv.Itoa(i), StreamPosition{}, first)
	}
	if got := s.evictedCount(); got != over {
		t.Errorf("got %d keys evicted, want %d", got, over)
	}
	s.find("x", "", first+fanout.InTicks(idempotencyTTL)+1)
	if got := s.evictedCount(); got != over || len(s.order) != 0 {
		t.Errorf("got %d keys evicted and %d left after the TTL, want %d and 0", got, len(s.order), over)
	}
}
