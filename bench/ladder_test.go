package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// fullAfter starts an echoRoom that rejects connections after the first n.
func fullAfter(t *testing.T, n int32) (url string) {
	room := &echoRoom{t: t}
	var connected atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if connected.Add(1) > n {
			http.Error(w, "full", http.StatusServiceUnavailable)
			return
		}
		room.ServeHTTP(w, q)
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// A step that cannot run is in the table of steps, and its error is the error of the ladder.
func TestALadderReportsTheStepThatEndedIt(t *testing.T) {
	t.Parallel()
	cfg := testConfig(fullAfter(t, 20))
	cfg.Scenario, cfg.Rate = Connect, 0
	r, err := Ladder(t.Context(), cfg, Rungs{Connections: []int{10, 30, 5}}, nil)
	if err == nil || r == nil || len(r.Steps) != 2 || r.Steps[1].Verdict.Code != result.None || r.Verdict.Code != result.None {
		t.Fatalf("got %+v, %v, want two steps, of which the second failed", r, err)
	}
}

// A ladder continues after a step that loses a message, because its purpose is the whole curve.
func TestALadderContinuesAfterAFailedStep(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 0 && n == 10 { // of the first step
			return nil
		}
		return [][]byte{m}
	}))
	cfg.Connections, cfg.Drain = 5, 2*time.Second
	r, err := Ladder(t.Context(), cfg, Rungs{Rates: []int{50, 60, 70}}, nil)
	if err != nil || len(r.Steps) != 3 || r.Steps[0].Verdict.Code != result.Broken || r.Steps[0].Pass || r.Steps[0].Lost == 0 || r.Plan.Rate != 70 {
		t.Fatalf("got %+v, %v, want three steps, of which the first lost one", r, err)
	}
}

// An interrupted ladder returns the steps measured so far.
func TestAnInterruptedSearchReturnsItsPart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Find(ctx, testConfig(startRoom(t, nil)), Search{From: 100, To: 1000, Limit: time.Second, Step: time.Hour}, func(p Progress) {
		if p.Deliveries > 0 {
			cancel()
		}
	})
	if err != nil || r == nil || !r.Interrupted || r.Verdict.OK || len(r.Steps) != 1 {
		t.Errorf("got %+v, %v, want the partial result of one step", r, err)
	}
}

// A search that cannot continue returns its steps so far, and the error.
func TestAFailedSearchReturnsItsError(t *testing.T) {
	t.Parallel()
	cfg := testConfig(fullAfter(t, 25))
	cfg.Connections, cfg.Publishers = 25, 5
	r, err := Find(t.Context(), cfg, Search{From: 50, To: 100, Limit: time.Minute, Step: time.Second}, nil)
	if err == nil || !strings.Contains(err.Error(), "503") || r == nil || len(r.Steps) != 1 || r.Interrupted {
		t.Errorf("got %+v, %v, want one step, and the error", r, err)
	}
}

func TestARoomIsNamedOnce(t *testing.T) {
	t.Parallel()
	url := startRoom(t, nil) + "?room=a"
	for name, change := range map[string]func(*Config){
		"--room":  func(c *Config) { c.Room = "b" },
		"--rooms": func(c *Config) { c.Rooms = 5 },
		"echo":    func(c *Config) { c.Scenario = Echo },
	} {
		cfg := testConfig(url)
		change(&cfg)
		if _, err := Run(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "has a room") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if r := mustRun(t, testConfig(url)); !good(r) {
		t.Errorf("only the URL's room: got %+v", r.Verdict)
	}
}

func TestARunWithoutMessagesHasNoVerdict(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, nil))
	cfg.Rate, cfg.Poisson, cfg.Warmup, cfg.Duration = 1, true, 0, 100*time.Millisecond
	cfg.Connections = 5 // a tenth of a message is due
	if r := mustRun(t, cfg); r.Verdict.Code != result.None || !strings.Contains(strings.Join(r.Verdict.Why, "; "), "no message was sent") {
		t.Errorf("got %+v, want no verdict", r.Verdict)
	}
}
