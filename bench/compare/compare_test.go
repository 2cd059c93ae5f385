package compare

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/golden"
	"github.com/throng-chat/throng/bench/result"
)

// measured returns a result with a CPU cost per delivery in nanoseconds and a median latency.
func measured(cost float64, p50 time.Duration) *result.Result {
	p99 := 3 * p50
	return &result.Result{
		Verdict:  result.Verdict{OK: true, Code: result.Valid},
		Plan:     result.Plan{Scenario: "broadcast", Connections: 1000, Rooms: 1, Rate: 100, Size: 128, Publishers: 100},
		Target:   result.Target{Protocol: "plain", PID: 1},
		Env:      result.Env{CPU: "a processor", Cores: 2, Kernel: "Linux 6.18"},
		Connect:  result.Connect{Opened: 1000},
		Sent:     result.Sent{Messages: 1000, Offered: 100, Achieved: 100},
		Delivery: result.Delivery{Expected: 1_000_000, Got: 1_000_000, PerS: 100_000},
		Latency:  result.Latency{Each: &result.Distribution{Count: 1_000_000, P50: &p50, P99: &p99, Max: 4 * p50}},
		Server:   result.Server{PerDelivery: cost, CPU: time.Second, Cores: cost / 10_000},
	}
}

func TestPairsAreInTurn(t *testing.T) {
	want := []bool{false, true, true, false, false, true, true, false} // A B B A A B B A
	if got := turns(4); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEachRunBelongsToItsServerAndPair(t *testing.T) {
	var order []bool
	costs := map[bool]float64{false: 0, true: 100}
	pairs, err := AB(t.Context(), 3, func(_ context.Context, b bool, _ string) (*result.Result, error) {
		order = append(order, b)
		costs[b]++
		return measured(costs[b], time.Millisecond), nil
	})
	if err != nil || len(pairs) != 3 || len(order) != 8 {
		t.Fatalf("got %d pairs of %d runs, %v, want 3 pairs of 6 runs, and 2 runs that do not count", len(pairs), len(order), err)
	}
	for i, p := range pairs {
		if a, b := p[0].Server.PerDelivery, p[1].Server.PerDelivery; a != float64(i+2) || b != float64(i+102) {
			t.Errorf("pair %d: got %v and %v, want %d and %d", i, a, b, i+2, i+102)
		}
	}
}

func TestARunThatFailsEndsIt(t *testing.T) {
	wrong, runs := errors.New("refused"), 0
	pairs, err := AB(t.Context(), 3, func(context.Context, bool, string) (*result.Result, error) {
		if runs++; runs == 5 {
			return nil, wrong
		}
		return measured(1, time.Millisecond), nil
	})
	if !errors.Is(err, wrong) || len(pairs) != 1 {
		t.Errorf("got %d pairs, %v, want the complete one, and the error", len(pairs), err)
	}
}

// noisy returns six pairs on a machine that drifts and has 2 % of noise. B costs ratio times as much as A.
func noisy(random *rand.Rand, ratio float64) Pairs {
	var pairs Pairs
	drift := 1.0
	for range 6 {
		drift *= 1 + 0.005*random.NormFloat64()
		noise := func() float64 { return drift * (1 + 0.02*random.NormFloat64()) }
		pairs = append(pairs, [2]*result.Result{
			measured(5000*noise(), time.Duration(1e6*noise())), measured(5000*ratio*noise(), time.Duration(1e6*noise())),
		})
	}
	return pairs
}

func TestTheSameServerIsSeldomCalledDifferent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const trials = 1000
	var primary, found, any int
	for range trials {
		all, err := Judge(noisy(random, 1), "cpu/delivery")
		if err != nil {
			t.Fatal(err)
		}
		if all[0].Word != None {
			primary++
		}
		if slices.ContainsFunc(all[1:], func(j Judgement) bool { return j.Word != None }) {
			any++
		}
		if all, err = Judge(noisy(random, 1.1), "cpu/delivery"); err != nil {
			t.Fatal(err)
		}
		if all[0].Word == Slower {
			found++
		}
	}
	if primary > trials*7/100 || any > trials*7/100 {
		t.Errorf("got a wrong difference %d and %d times of %d, want 5 %%", primary, any, trials)
	}
	if found < trials*95/100 {
		t.Errorf("a difference of a tenth: found %d of %d times", found, trials)
	}
}

func TestTheBetterServerIsCalledFaster(t *testing.T) {
	for _, tt := range []struct {
		ratio float64
		word  string
	}{{0.5, Faster}, {2, Slower}} {
		all, err := Judge(noisy(rand.New(rand.NewPCG(3, 4)), tt.ratio), "cpu/delivery")
		if err != nil || all[0].Metric.Name != "cpu/delivery" || all[0].Word != tt.word {
			t.Errorf("%v times the cost: got %+v, %v, want %s", tt.ratio, all[0], err, tt.word)
		}
		if math.Abs(all[0].Pair.Ratio-tt.ratio) > 0.1*tt.ratio {
			t.Errorf("got a ratio of %v, want %v", all[0].Pair.Ratio, tt.ratio)
		}
	}
}

func TestAMetricThatARunLacksIsAnError(t *testing.T) {
	pairs := noisy(rand.New(rand.NewPCG(5, 6)), 1)
	for _, name := range []string{"ping-p99", "nonsense"} {
		if all, err := Judge(pairs, name); err == nil {
			t.Errorf("%s: got %+v", name, all[0])
		}
	}
	if got := Primary(pairs); got != "cpu/delivery" {
		t.Errorf("got %s, want the cost of a delivery", got)
	}
	pairs[2][1].Server = result.Server{}
	if got := Primary(pairs); got != "p50" {
		t.Errorf("a server that is not visible: got %s, want the latency", got)
	}
}

// A result file from another person may contain control characters for a terminal.
func TestAFileCannotControlATerminal(t *testing.T) {
	const evil = "\x1b[2J\u009b"
	one, other := measured(5000, time.Millisecond), measured(6000, time.Millisecond)
	other.Label, other.Verdict.Code, other.Plan.Scenario, other.Target.Protocol, other.Env.CPU, other.Env.Kernel = evil, evil, evil, evil, evil, evil
	var got bytes.Buffer
	if err := Files(&got, one, other, Names{A: "a.json", B: evil}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got.String(), evil[:1]+"\u009b") || strings.Count(got.String(), "?[2J?") < 6 {
		t.Errorf("got %q", got.String())
	}
	pairs := noisy(rand.New(rand.NewPCG(7, 8)), 1)
	all, err := Judge(pairs, "cpu/delivery")
	if err != nil {
		t.Fatal(err)
	}
	got.Reset()
	if err := WriteJudgements(&got, pairs, all, Names{A: evil, B: "b"}); err != nil || strings.ContainsAny(got.String(), evil[:1]+"\u009b") {
		t.Errorf("got %v, %q", err, got.String())
	}
}

func TestTextIsGolden(t *testing.T) {
	write := func(ratio float64, codes ...string) func(*bytes.Buffer) error {
		return func(b *bytes.Buffer) error {
			pairs := noisy(rand.New(rand.NewPCG(7, 8)), ratio)
			for i, code := range codes { // of B in the first pairs
				pairs[i][1].Verdict = result.Verdict{Code: code}
			}
			all, err := Judge(pairs, "cpu/delivery")
			if err != nil {
				return err
			}
			return WriteJudgements(b, pairs, all, Names{A: "throng serve", B: "other {{address}}"})
		}
	}
	for _, tt := range []struct {
		name  string
		write func(*bytes.Buffer) error
	}{
		{"same", write(1)},
		{"slower", write(1.5)},
		{"doubtful", write(1.5, result.Limited, result.Unsteady, result.Limited)},
		{"files", func(b *bytes.Buffer) error {
			one, other := measured(5000, time.Millisecond), measured(6000, 2*time.Millisecond)
			other.Label, other.Plan.Rate, other.Server, other.Target.PID = "evening", 200, result.Server{}, 0
			return Files(b, one, other, Names{A: "a.json", B: "b.json"})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := tt.write(&got); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, tt.name, got.Bytes())
		})
	}
}

// A bound of a hundred percent or more says nothing: the text has what to do.
func TestTooFewPairsAreNamed(t *testing.T) {
	pairs := Pairs{
		{measured(1000, time.Millisecond), measured(1000, time.Millisecond)}, {measured(1000, time.Millisecond), measured(4000, time.Millisecond)},
	}
	all, err := Judge(pairs, "cpu/delivery")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := WriteJudgements(&text, pairs, all, Names{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if want := "no difference shown: 2 pairs are too few for a bound of the difference in cpu/delivery: raise --pairs\n"; !strings.HasPrefix(text.String(), want) {
		t.Errorf("got %s, want %s", text.String(), want)
	}
}
