package bench

import (
	"os"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// On a busy machine the watch may miss a tick. The run's cost is known all the same.
func TestAMissedTickIsInterpolated(t *testing.T) {
	w := &watch{cpu: map[int64]time.Duration{10: time.Second, 13: 1300 * time.Millisecond, 14: 1400 * time.Millisecond, 99: time.Minute}}
	for n, want := range map[int64]time.Duration{10: time.Second, 11: 1100 * time.Millisecond, 12: 1200 * time.Millisecond, 14: 1400 * time.Millisecond} {
		if got, ok := w.at(n); !ok || got != want {
			t.Errorf("tick %d: got %v, %v, want %v", n, got, ok, want)
		}
	}
	for _, n := range []int64{9, 15, 60, 100} {
		if got, ok := w.at(n); ok {
			t.Errorf("tick %d: got %v without a reading", n, got)
		}
	}
}

// The run's cost is known also if the watch gets no CPU time at the end.
func TestALateWatchKnowsTheEnd(t *testing.T) {
	end := agent.Now()/agent.TickEvery - 1
	w := &watch{pids: []int{os.Getpid()}, cpu: map[int64]time.Duration{end - 2: 0}, result: &result.Result{}}
	w.loaded()
	if used, ok := w.at(end); !ok || used <= 0 {
		t.Errorf("got %v, %v at the last tick of the run, want the used CPU time", used, ok)
	}
}
