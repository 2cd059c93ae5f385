//go:build !race

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// find and ladder apply each flag of the other scenarios, or reject it.
func TestFindAndLadderIgnoreNoFlag(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"find", "--duration", "2s", "--step", "3s"}, "duration = 2s and step = 3s: have the same meaning"},
		{[]string{"find", "--duration", "500ms"}, "step of at least 1s"},
		{[]string{"find", "--rate", "50"}, "use --from"},
		{[]string{"find", "--warmup", "soon"}, "warmup"},
		{[]string{"ladder", "--rate", "50"}, "use --rates"},
		{[]string{"ladder", "--rate", "50", "--rates", "10,20", "--counts", "5,10"}, "leave --rate out"},
		{[]string{"ladder", "--connections", "50", "--counts", "10,20"}, "leave --connections out"},
	} {
		code, stdout, stderr := outcome(t, throng(t, append([]string{"bench"}, tt.args...)...))
		if code != exitUsage || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v: got exit %d: %s%s, want %q", tt.args, code, stdout, stderr, tt.says)
		}
	}
}

func TestFindAppliesDurationAndWarmup(t *testing.T) {
	t.Parallel()
	_, stdout, stderr := outcome(t, throng(t, "bench", "find", "--from", "20", "--to", "20", "--duration", "1s", "--warmup", "500ms", "--p99", "10s",
		"--connections", "20", "--publishers", "5", "--json", "--no-floor"))
	r, err := result.Read(strings.NewReader(stdout))
	if err != nil {
		t.Fatalf("got %v: %s", err, stderr)
	}
	// The result is that of the last trial that held: one of one second, or a confirmation of two.
	if p := r.Plan; p.Warmup != 500*time.Millisecond || p.Duration != time.Second && p.Duration != 2*time.Second {
		t.Errorf("got %v after %v of warm-up, want 1s or 2s after 500ms", p.Duration, p.Warmup)
	}
}
