package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// scripted is a Source that fails a number of times, and then delivers its messages once.
type scripted struct {
	messages []Message
	failures int
	outcomes []Outcome
	began    []time.Time
}

func (sc *scripted) Run(ctx context.Context, ready func(), deliver Deliver) error {
	sc.began = append(sc.began, time.Now())
	if sc.failures > 0 {
		sc.failures--
		return errors.New("no broker")
	}
	ready()
	for _, m := range sc.messages {
		o, _ := deliver(ctx, m)
		sc.outcomes = append(sc.outcomes, o)
	}
	<-ctx.Done()
	return ctx.Err()
}

func newTest(t *testing.T, from Source, to Call) *Consumer {
	t.Helper()
	counter := func() prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: "test"}) }
	gauge := func() prometheus.Gauge { return prometheus.NewGauge(prometheus.GaugeOpts{Name: "test"}) }
	return New("test", from, to, Metrics{
		Accepted: counter(), Rejected: counter(), Retried: counter(), Failures: counter(), Panics: counter(), Connected: gauge(), Waiting: gauge(),
	}, slog.New(slog.DiscardHandler))
}

func want(t *testing.T, what string, c prometheus.Collector, n float64) {
	t.Helper()
	if got := testutil.ToFloat64(c); got != n {
		t.Errorf("%s: got %v, want %v", what, got, n)
	}
}

func message(place, method, payload string) Message {
	return Message{Place: place, Method: method, Payload: json.RawMessage(payload)}
}

// The pauses grow, and the messages behind the rejected one wait.
func TestATemporaryRejectionHoldsItsPartition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		var at []time.Time
		held := 0
		from := &scripted{messages: []Message{message("1", "publish", `{"data":1}`), message("2", "publish", `{"data":2}`), message("3", "publish", `{"data":3}`)}}
		from.messages[1].Held = func() { held++ }
		c := newTest(t, from, func(_ context.Context, _ string, payload []byte) (json.RawMessage, *Rejection) {
			calls, at = append(calls, string(payload[8:9])), append(at, time.Now())
			if payload[8] == '2' && len(calls) < 12 {
				return nil, &Rejection{Code: 111, Temporary: true}
			}
			return nil, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, t.Context())
		time.Sleep(time.Minute)
		synctest.Wait()
		if text := strings.Join(calls, ""); text != "1222222222223" {
			t.Errorf("got the calls %s, want 1, then 2 until it is accepted, then 3", text)
		}
		for i := 2; i < 12; i++ {
			pause, least := at[i].Sub(at[i-1]), min(FirstPause<<(i-2), MaxPause)/2
			if pause < least || pause > MaxPause*3/2 {
				t.Errorf("pause %d: got %s, want %s to %s", i-1, pause, least, MaxPause*3/2)
			}
		}
		want(t, "accepted", c.Metrics.Accepted, 3)
		want(t, "retried", c.Metrics.Retried, 10)
		want(t, "rejected", c.Metrics.Rejected, 0)
		if held != 10 {
			t.Errorf("got %d notes of a pause to the source, want 10", held)
		}
		cancel()
		synctest.Wait()
	})
}

func TestAMessageThatCannotBeAcceptedIsSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		from := &scripted{messages: []Message{
			Parse("1", []byte("{"), most), Parse("2", []byte(`{"method":"publish"}`), most), Parse("3", []byte(`{"payload":{}}`), most), Parse("4", []byte(`[]`), most),
			Parse("5", []byte(`{"method":"publish","payload":"`+strings.Repeat("x", most)+`"}`), most),
			message("6", "batch", `{}`), message("7", "panic", `{}`), message("8", "unknown", `{}`), message("9", "publish", `{}`),
		}}
		c := newTest(t, from, func(_ context.Context, method string, _ []byte) (json.RawMessage, *Rejection) {
			switch method {
			case "panic":
				panic("a bug")
			case "publish":
				return nil, nil
			}
			return nil, &Rejection{Code: 104, Text: "method not found"}
		})
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, t.Context())
		synctest.Wait()
		if all := append(slices.Repeat([]Outcome{Rejected}, 8), Accepted); !slices.Equal(from.outcomes, all) {
			t.Errorf("got the outcomes %v, want %v", from.outcomes, all)
		}
		want(t, "rejected", c.Metrics.Rejected, 8)
		want(t, "panics", c.Metrics.Panics, 1)
		cancel()
		synctest.Wait()
	})
}

// A broadcast that some rooms rejected for now is repeated for them; one that some rooms rejected for good is counted as rejected.
func TestABroadcastIsAcceptedByAllRoomsOrCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		results := []string{
			`{"responses":[{"result":{}},{"error":{"code":103,"message":"denied"}},{"error":{"code":100,"message":"later","temporary":true}}]}`,
			`{"responses":[{"result":{}},{"error":{"code":103,"message":"denied"}},{"result":{}}]}`,
			`{"responses":[{"result":{}},{"result":{}}]}`,
		}
		from := &scripted{messages: []Message{message("1", "broadcast", `{}`), message("2", "broadcast", `{}`)}}
		c := newTest(t, from, func(context.Context, string, []byte) (json.RawMessage, *Rejection) {
			next := results[0]
			results = results[1:]
			return json.RawMessage(next), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, t.Context())
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(from.outcomes, []Outcome{Rejected, Accepted}) {
			t.Errorf("got the outcomes %v, want the first to be rejected in its second attempt, and the second accepted", from.outcomes)
		}
		want(t, "retried", c.Metrics.Retried, 1)
		cancel()
		synctest.Wait()
	})
}

// A stop ends a pause at once. A call in progress may finish, until it is cut.
func TestAStopLeavesWhatIsNotAccepted(t *testing.T) {
	t.Parallel()
	for _, cuts := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			finish := make(chan struct{})
			from := &scripted{messages: []Message{message("1", "publish", `{}`), message("2", "publish", `{}`)}}
			c := newTest(t, from, func(ctx context.Context, _ string, _ []byte) (json.RawMessage, *Rejection) {
				select {
				case <-finish:
					return nil, nil
				case <-ctx.Done():
					return nil, &Rejection{Code: 107, Text: ctx.Err().Error()}
				}
			})
			ctx, stop := context.WithCancel(t.Context())
			cutting, cut := context.WithCancel(t.Context())
			defer cut()
			ended := false
			go func() {
				c.Run(ctx, cutting)
				ended = true
			}()
			synctest.Wait()
			stop()
			synctest.Wait()
			if ended {
				t.Fatal("the consumer ended before its call")
			}
			first := Accepted
			if cuts {
				cut()
				first = Stopped
			} else {
				close(finish)
			}
			synctest.Wait()
			if !ended || !slices.Equal(from.outcomes, []Outcome{first, Stopped}) {
				t.Errorf("got the outcomes %v (ended: %v), want %v", from.outcomes, ended, []Outcome{first, Stopped})
			}
		})
	}
}

func TestALostBrokerIsReachedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &scripted{failures: 8, messages: []Message{message("1", "publish", `{}`)}}
		c := newTest(t, from, func(context.Context, string, []byte) (json.RawMessage, *Rejection) { return nil, nil })
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, t.Context())
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(from.began) != 9 || !slices.Equal(from.outcomes, []Outcome{Accepted}) {
			t.Errorf("got %d attempts and the outcomes %v, want 9 and one accepted", len(from.began), from.outcomes)
		}
		if first := from.began[1].Sub(from.began[0]); first > 2*FirstPause {
			t.Errorf("got a first pause of %s, want about %s", first, FirstPause)
		}
		want(t, "failures", c.Metrics.Failures, 8)
		want(t, "connected", c.Metrics.Connected, 1)
		cancel()
		synctest.Wait()
		want(t, "connected, after the end", c.Metrics.Connected, 0)
	})
}

func TestAPublicationWithoutAKeyGetsOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, payload, want string }{
		{"publish", `{"data":"<&>"}`, `{"data":"<&>","idempotency_key":"KEY"}`},
		{"broadcast", " {\"channels\":[] }\n", `{"channels":[],"idempotency_key":"KEY"}`},
		{"publish", `{"idempotency_key":"own"}`, `{"idempotency_key":"own"}`},
		{"publish", `{"idempotency_key":""}`, `{"idempotency_key":"","idempotency_key":"KEY"}`},
		{"publish", `{}`, `{"idempotency_key":"KEY"}`},
		{"publish", `[]`, `[]`},
		{"publish", `null`, `null`},
		{"publish", `{"idempotency_key":7}`, `{"idempotency_key":7}`},
		{"ban", `{"user":"ann"}`, `{"user":"ann"}`},
	} {
		m := message("nats/CHAT/7", c.method, c.payload)
		if got, want := string(m.withKey()), strings.ReplaceAll(c.want, "KEY", m.Key()); got != want {
			t.Errorf("%s %s: got %s, want %s", c.method, c.payload, got, want)
		}
	}
}

// A key has at most the length that the server API allows. It depends on the place and on the payload.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, topic := range []string{"a", strings.Repeat("x", 249)} {
		for offset := range 3 {
			for _, payload := range []string{`{"data":1}`, `{"data":2}`} {
				m := message(fmt.Sprintf("kafka/%s/0/%d", topic, offset), "publish", payload)
				key := m.Key()
				if what := m.Place + payload; seen[key] != "" || len(key) > MaxKey {
					t.Errorf("%s has the key %s of %d bytes, also of %s", what, key, len(key), seen[key])
				}
				seen[key] = m.Place + payload
			}
		}
	}
	if m := message("nats/CHAT/7", "publish", `{}`); !strings.HasPrefix(m.Key(), "nats/CHAT/7/") {
		t.Errorf("got the key %s, want one that names the place", m.Key())
	}
}
