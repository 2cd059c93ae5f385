// Package consumertest tests what each Source promises, with its real broker.
package consumertest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/consumer"
)

// Stream is an empty stream with one partition.
type Stream struct {
	Source  func() consumer.Source // a new member
	Send    func(bodies ...string)
	Restart func() // of the broker, as after a crash
}

// Body returns the message that publishes a number.
func Body(n int) string {
	return fmt.Sprintf(`{"method":"publish","payload":{"channel":"room","data":%d}}`, n)
}

// bodies returns the messages from a number to another.
func bodies(from, to int) (all []string) {
	for n := from; n <= to; n++ {
		all = append(all, Body(n))
	}
	return all
}

func numbers(from, to int) (all []int) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// Throng takes the place of throng. It publishes each idempotency key once.
type Throng struct {
	mu        sync.Mutex
	published []int
	repeats   []int // accepted again, with a key that was accepted before
	keys      map[string]bool
	reject    func(n int) *consumer.Rejection // nil to accept
}

// Call is a consumer.Call.
func (th *Throng) Call(_ context.Context, method string, payload []byte) (json.RawMessage, *consumer.Rejection) {
	var p struct {
		Channel string `json:"channel"`
		Data    int    `json:"data"`
		Key     string `json:"idempotency_key"`
	}
	if err := json.Unmarshal(payload, &p); err != nil || method != "publish" || p.Key == "" {
		return nil, &consumer.Rejection{Text: fmt.Sprintf("%s %s: %v", method, payload, err)}
	}
	th.mu.Lock()
	defer th.mu.Unlock()
	if th.reject != nil {
		if no := th.reject(p.Data); no != nil {
			return nil, no
		}
	}
	if th.keys[p.Key] {
		th.repeats = append(th.repeats, p.Data)
		return nil, nil
	}
	if th.keys == nil {
		th.keys = map[string]bool{}
	}
	th.keys[p.Key] = true
	th.published = append(th.published, p.Data)
	return nil, nil
}

// Reject sets which numbers are rejected. The function is called by one goroutine at a time.
func (th *Throng) Reject(reject func(n int) *consumer.Rejection) {
	th.mu.Lock()
	defer th.mu.Unlock()
	th.reject = reject
}

func (th *Throng) state() (published, repeats []int) {
	th.mu.Lock()
	defer th.mu.Unlock()
	return slices.Clone(th.published), slices.Clone(th.repeats)
}

// Member is a running consumer.
type Member struct {
	*consumer.Consumer
	stop func()
}

// Start starts a consumer, which ends with the test.
func Start(t *testing.T, from consumer.Source, to *Throng) *Member {
	t.Helper()
	counter := func() prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: "test"}) }
	gauge := func() prometheus.Gauge { return prometheus.NewGauge(prometheus.GaugeOpts{Name: "test"}) }
	m := consumer.Metrics{
		Accepted: counter(), Rejected: counter(), Retried: counter(), Failures: counter(), Panics: counter(), Connected: gauge(), Waiting: gauge(),
	}
	c := consumer.New("test", from, to.Call, m, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, context.Background())
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(stop)
	return &Member{c, stop}
}

// Stop ends the consumer as a graceful stop does.
func (me *Member) Stop() { me.stop() }

// Eventually waits for a condition.
func Eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 2 min", what)
		}
	}
}

// await waits until as many numbers are published, and compares them.
func (th *Throng) await(t *testing.T, want []int) {
	t.Helper()
	Eventually(t, fmt.Sprintf("%d publications", len(want)), func() bool {
		published, _ := th.state()
		return len(published) >= len(want)
	})
	if published, _ := th.state(); !slices.Equal(published, want) {
		t.Fatalf("got the publications %v, want %v", published, want)
	}
}

func (th *Throng) wantNoRepeats(t *testing.T) {
	t.Helper()
	if _, repeats := th.state(); len(repeats) > 0 {
		t.Errorf("got %v a second time, want nothing that was committed", repeats)
	}
}

// Run runs all tests. fresh returns a new stream.
func Run(t *testing.T, fresh func(t *testing.T) Stream) {
	for name, test := range map[string]func(*testing.T, Stream){
		"AStopCommitsAllThatIsDone":       stopCommits,
		"ARejectedMessageIsSkipped":       rejectedIsSkipped,
		"ATemporaryRejectionKeepsOrder":   temporaryKeepsOrder,
		"AStopInAPauseCommitsTheRest":     stopInAPause,
		"ARestartOfTheBrokerLosesNothing": brokerRestarts,
		"AnotherMemberContinues":          anotherContinues,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func stopCommits(t *testing.T, s Stream) {
	to := new(Throng)
	s.Send(bodies(1, 30)...)
	m := Start(t, s.Source(), to)
	to.await(t, numbers(1, 30))
	m.Stop()
	Start(t, s.Source(), to)
	s.Send(bodies(31, 33)...)
	to.await(t, numbers(1, 33))
	to.wantNoRepeats(t)
}

func rejectedIsSkipped(t *testing.T, s Stream) {
	to := new(Throng)
	to.Reject(func(n int) *consumer.Rejection {
		if n == 3 {
			return &consumer.Rejection{Code: 107, Text: "bad\nrequest"}
		}
		return nil
	})
	s.Send(append([]string{Body(1), "{", `{"method":"publish"}`, `[]`}, bodies(2, 4)...)...)
	m := Start(t, s.Source(), to)
	to.await(t, []int{1, 2, 4})
	if rejected := testutil.ToFloat64(m.Metrics.Rejected); rejected != 4 && rejected != 2 { // a table has no body that is no JSON
		t.Errorf("got %v rejected messages counted, want all", rejected)
	}
	m.Stop()
	again := Start(t, s.Source(), to)
	s.Send(Body(5))
	to.await(t, []int{1, 2, 4, 5})
	if rejected := testutil.ToFloat64(again.Metrics.Rejected); rejected != 0 {
		t.Errorf("got %v rejected messages again, want none", rejected)
	}
	to.wantNoRepeats(t)
}

func temporaryKeepsOrder(t *testing.T, s Stream) {
	to, left := new(Throng), 3
	to.Reject(func(n int) *consumer.Rejection {
		if n == 4 && left > 0 {
			left--
			return &consumer.Rejection{Code: 111, Text: "later", Temporary: true}
		}
		return nil
	})
	s.Send(bodies(1, 8)...)
	m := Start(t, s.Source(), to)
	to.await(t, numbers(1, 8))
	if retried := testutil.ToFloat64(m.Metrics.Retried); retried != 3 {
		t.Errorf("got %v retries, want 3", retried)
	}
	to.wantNoRepeats(t)
}

func stopInAPause(t *testing.T, s Stream) {
	to := new(Throng)
	to.Reject(func(n int) *consumer.Rejection {
		if n == 5 {
			return &consumer.Rejection{Code: 100, Text: "later", Temporary: true}
		}
		return nil
	})
	s.Send(bodies(1, 10)...)
	m := Start(t, s.Source(), to)
	Eventually(t, "the pause", func() bool { return testutil.ToFloat64(m.Metrics.Waiting) == 1 })
	m.Stop()
	to.await(t, numbers(1, 4))
	to.Reject(nil)
	Start(t, s.Source(), to)
	to.await(t, numbers(1, 10))
	to.wantNoRepeats(t)
}

func brokerRestarts(t *testing.T, s Stream) {
	to := new(Throng)
	s.Send(bodies(1, 10)...)
	Start(t, s.Source(), to)
	to.await(t, numbers(1, 10))
	s.Restart()
	s.Send(bodies(11, 20)...)
	to.await(t, numbers(1, 20))
}

func anotherContinues(t *testing.T, s Stream) {
	to := new(Throng)
	members := []*Member{Start(t, s.Source(), to), Start(t, s.Source(), to)}
	s.Send(bodies(1, 20)...)
	to.await(t, numbers(1, 20))
	members[0].Stop()
	s.Send(bodies(21, 40)...)
	to.await(t, numbers(1, 40))
	third := Start(t, s.Source(), to)
	members[1].Stop()
	s.Send(bodies(41, 60)...)
	to.await(t, numbers(1, 60))
	third.Stop()
	to.wantNoRepeats(t)
}
