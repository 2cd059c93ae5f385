package bench

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// Faults of a server beside the single ones of TestLyingServerIsCaught.

func TestOneLossInAHundredThousandIsFound(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 33 && n == 1234 {
			return nil
		}
		return [][]byte{m}
	}))
	cfg.Rate, cfg.Duration, cfg.Drain = 1000, 2*time.Second, 20*time.Second // long enough for a slow machine: the run waits for the missing message
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
	sleepy := func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 0 && n == 100 {
			time.Sleep(2 * time.Second) // while it holds the room's lock
		}
		return [][]byte{m}
	}
	// A slow machine may make the stall longer, or add others. But no stall of the server ends before it continued: message 100 was due
	// after 1 s. TestStallsAreReportedToTheTick checks the exact limits without a clock.
	asleep := func(s result.Stall) bool { return s.Took >= 1500*time.Millisecond && s.At+s.Took.Seconds() >= 2.5 }
	var r *result.Result
	for duration := 5 * time.Second; duration < 30*time.Second; duration *= 2 { // on a slow machine message 100 may be received after the end
		cfg := testConfig(startRoom(t, sleepy))
		cfg.Rate, cfg.Duration, cfg.Drain = 100, duration, 10*time.Second
		if r = mustRun(t, cfg); slices.ContainsFunc(r.Delivery.Stalls, asleep) {
			break
		}
	}
	if s := r.Delivery.Stalls; !slices.ContainsFunc(s, asleep) {
		t.Fatalf("got %+v, want a stall of two seconds after the first second", s)
	}
	if why := strings.Join(r.Verdict.Why, "; "); !good(r) || r.Verdict.OK || !strings.Contains(why, "no delivery for ") {
		t.Errorf("got %+v, want NOT STEADY with the reason", r.Verdict)
	}
}

func TestClosedConnectionsAreCounted(t *testing.T) {
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
	if r.Delivery.Closed != 5 || r.Verdict.Code != result.Broken || !strings.Contains(strings.Join(r.Verdict.Why, "; "), "5 connections closed") {
		t.Errorf("got %d closed, %+v, want 5", r.Delivery.Closed, r.Verdict)
	}
	if d := &r.Delivery; d.Got == 0 || d.Expected != d.Got {
		t.Errorf("got %d deliveries and %d expected, want equal numbers: later messages are not due to closed connections", d.Got, d.Expected)
	}
}

// A publisher's end may be noticed only after all messages were sent. Its last messages, which no member received, are not lost.
func TestTheLastMessagesOfAnEndedPublisherAreNotLost(t *testing.T) {
	t.Parallel()
	room := &echoRoom{t: t, pending: map[int][]byte{}}
	var cut context.CancelFunc // ends the first connection
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		ctx, cancel := context.WithCancel(q.Context())
		defer cancel()
		mu.Lock()
		if cut == nil {
			cut = cancel
		}
		mu.Unlock()
		room.ServeHTTP(w, q.WithContext(ctx))
	}))
	t.Cleanup(srv.Close)
	quiet := time.AfterFunc(time.Hour, func() {
		mu.Lock()
		defer mu.Unlock()
		cut()
	})
	t.Cleanup(func() { quiet.Stop() })
	room.lie = func(_, _ int, m []byte) [][]byte {
		quiet.Reset(time.Second)
		if string(m[6:11]) == "00000" && string(m[11:17]) > "000002" { // drops the first publisher's messages from the fourth on
			return nil
		}
		return [][]byte{m}
	}
	cfg := testConfig("ws" + strings.TrimPrefix(srv.URL, "http") + "/ws")
	cfg.Dials, cfg.Publishers = 1, 10
	r := mustRun(t, cfg)
	if d := &r.Delivery; d.Closed != 1 || d.Any() || d.Got != d.Expected || r.Sent.Died == 0 {
		t.Errorf("got %d closed, %+v, %d of %d deliveries, %d died with their publisher", d.Closed, d.Faults, d.Got, d.Expected, r.Sent.Died)
	}
}

// A server sleeps a tenth of the time. The open loop's p99 is at least nine tenths of a sleep. The closed loop's p99, of the same server at
// the same time, is lower. agent.TestAPauseShowsInTheOpenLoopOnly checks by how much, on a clock of its own.
func TestClosedLoopHidesWhatTheOpenOneShows(t *testing.T) {
	t.Parallel()
	const nap, every = 400 * time.Millisecond, 4 * time.Second
	began := time.Now()
	sleepy := func(_ *echoRoom, _, _ int, m []byte) [][]byte {
		if in := time.Since(began) % every; in < nap {
			time.Sleep(nap - in) // the pause that the test measures
		}
		return [][]byte{m}
	}
	loop := func(closed int) (r *result.Result, err error) {
		for duration := 2 * every; ; duration *= 2 {
			cfg := testConfig(startRoom(t, sleepy))
			cfg.Connections, cfg.Rate, cfg.Duration, cfg.Drain, cfg.Closed = 5, 500, duration, 30*time.Second, closed
			r, err = Run(t.Context(), cfg, nil)
			if err != nil || duration > time.Minute || r.Latency.Each != nil && r.Latency.Each.P99 != nil {
				return r, err
			}
			// A slow machine needs longer for the number of deliveries that a p99 requires.
		}
	}
	var open, closed *result.Result
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { open, errs[0] = loop(0) })
	both.Go(func() { closed, errs[1] = loop(1) })
	if both.Wait(); errors.Join(errs[:]...) != nil {
		t.Fatal(errs)
	}
	if !good(open) || !good(closed) {
		t.Fatalf("got %+v and %+v", open.Verdict, closed.Verdict)
	}
	if open.Latency.Each == nil || open.Latency.Each.P99 == nil || closed.Latency.Each == nil || closed.Latency.Each.P99 == nil {
		t.Fatalf("got %+v and %+v, want a p99 of both", open.Latency.Each, closed.Latency.Each)
	}
	shown, hidden := *open.Latency.Each.P99, *closed.Latency.Each.P99
	if shown < nap*3/4 {
		t.Errorf("open loop: got a p99 of %v, want at least about %v", shown, nap*9/10)
	}
	if hidden >= shown {
		t.Errorf("closed loop: got a p99 of %v, which does not hide what the open loop shows as %v", hidden, shown)
	}
	if !strings.Contains(strings.Join(closed.Notes, "; "), "closed loop") {
		t.Errorf("got the notes %q, want one about the closed loop", closed.Notes)
	}
}
