package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// What a server can do wrong beside the single faults of TestLyingServerIsCaught.

func TestOneLossInAHundredThousandIsFound(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 33 && n == 1234 {
			return nil
		}
		return [][]byte{m}
	}))
	cfg.Rate, cfg.Duration, cfg.Drain = 2000, time.Second, 3*time.Second
	r := mustRun(t, cfg)
	if got := r.Delivery.Faults; got != (result.Faults{Lost: 1}) || r.Delivery.Expected < 100_000 || r.Verdict.Code != result.Broken {
		t.Errorf("got %+v of %d, %+v, want one lost", got, r.Delivery.Expected, r.Verdict)
	}
	if s := r.Delivery.Samples; len(s) != 1 || s[0].Kind != "lost" || s[0].Publisher < 0 || s[0].Sequence < 0 || s[0].Connection < 0 {
		t.Errorf("got %+v, want the connection, the publisher and its message", s)
	}
}

func TestStallIsNamed(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 0 && n == 100 {
			time.Sleep(2 * time.Second) // with the room's lock held
		}
		return [][]byte{m}
	}))
	cfg.Rate, cfg.Duration, cfg.Drain = 100, 5*time.Second, 10*time.Second
	r := mustRun(t, cfg)
	if s := r.Delivery.Stalls; len(s) != 1 || s[0].Took < 1500*time.Millisecond || s[0].Took > 4*time.Second || s[0].At < 0.5 || s[0].At > 3 {
		t.Fatalf("got %+v, want one of two seconds after the first", s)
	}
	if why := strings.Join(r.Verdict.Why, "; "); !good(r) || r.Verdict.OK || !strings.Contains(why, "no delivery for ") {
		t.Errorf("got %+v, want it not steady, and why", r.Verdict)
	}
}

func TestConnectionsThatAreCutAreCounted(t *testing.T) {
	t.Parallel()
	room := &echoRoom{t: t, pending: map[int][]byte{}}
	var mu sync.Mutex
	var cut []context.CancelFunc
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		ctx, cancel := context.WithCancel(q.Context())
		defer cancel()
		mu.Lock()
		cut = append(cut, cancel)
		mu.Unlock()
		room.ServeHTTP(w, q.WithContext(ctx))
	}))
	room.lie = func(member, n int, m []byte) [][]byte {
		if member == 0 && n == 100 {
			mu.Lock()
			defer mu.Unlock()
			for _, end := range cut[:5] {
				end()
			}
		}
		return [][]byte{m}
	}
	t.Cleanup(srv.Close)
	r := mustRun(t, testConfig("ws"+strings.TrimPrefix(srv.URL, "http")+"/ws"))
	if r.Delivery.Closed != 5 || r.Verdict.Code != result.Broken || !strings.Contains(strings.Join(r.Verdict.Why, "; "), "5 connections did not hold") {
		t.Errorf("got %d closed, %+v, want 5", r.Delivery.Closed, r.Verdict)
	}
	if d := &r.Delivery; d.Got == 0 || d.Expected != d.Got {
		t.Errorf("got %d deliveries, %d were expected: those that were cut should have had what they had", d.Got, d.Expected)
	}
}

// A server that sleeps a tenth of the time delays a tenth of what is said, up to all of its sleep: the open loop's p99 is nine tenths
// of that. A closed loop asks nothing while it sleeps, and so does not see it.
func TestClosedLoopHidesWhatTheOpenOneShows(t *testing.T) {
	t.Parallel()
	const nap, every = 400 * time.Millisecond, 4 * time.Second
	began := time.Now()
	url := startRoom(t, func(_ *echoRoom, _, _ int, m []byte) [][]byte {
		if in := time.Since(began) % every; in < nap {
			time.Sleep(nap - in)
		}
		return [][]byte{m}
	})
	cfg := testConfig(url)
	cfg.Connections, cfg.Rate, cfg.Duration, cfg.Drain = 5, 500, 2*every, 10*time.Second
	open := mustRun(t, cfg)
	cfg.Closed = 1
	closed := mustRun(t, cfg)
	if !good(open) || !good(closed) {
		t.Fatalf("got %+v and %+v", open.Verdict, closed.Verdict)
	}
	if p99 := *open.Latency.Each.P99; p99 < nap*3/4 || p99 > 2*nap {
		t.Errorf("open loop: got a p99 of %v, want about %v", p99, nap*9/10)
	}
	if p99 := *closed.Latency.Each.P99; p99 > nap/2 {
		t.Errorf("closed loop: got a p99 of %v, which does not hide a sleep of %v", p99, nap)
	}
	if !strings.Contains(strings.Join(closed.Notes, "; "), "closed loop") {
		t.Errorf("got the notes %q, want a word on the closed loop", closed.Notes)
	}
}
