package fanout

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// A connection that was idle has no more than its burst.
func TestIdleTimeAddsNoBurst(t *testing.T) {
	const rate = byteRate(1000)
	var m limiter.Meter
	for _, step := range []struct {
		at    time.Duration
		bytes int
		ahead time.Duration // of now
	}{{time.Second, 1000, time.Second}, {time.Second, 500, 1500 * time.Millisecond}, {2 * time.Second, 0, 500 * time.Millisecond}, {time.Hour, 1000, time.Second}} {
		if rate.spend(&m, step.at, step.bytes); time.Duration(m)-step.at != step.ahead {
			t.Errorf("%d bytes at %v: got %v ahead, want %v", step.bytes, step.at, time.Duration(m)-step.at, step.ahead)
		}
	}
	before := m
	if byteRate(0).spend(&m, 2*time.Hour, 1000); m != before {
		t.Error("counted without a rate")
	}
}
