package bench

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// fine is a result without a fault.
func fine() *result.Result {
	return &result.Result{
		Plan:     result.Plan{Connections: 100, Duration: 10 * time.Second},
		Connect:  result.Connect{Opened: 100},
		Sent:     result.Sent{Messages: 1000, Offered: 100, Achieved: 100, Lag: lasting(100*time.Microsecond, 900*time.Microsecond)},
		Latency:  result.Latency{Each: lasting(time.Millisecond, 5*time.Millisecond)},
		Delivery: result.Delivery{Expected: 100_000, Got: 100_000},
		Client:   result.Client{Busiest: 0.5},
	}
}

func lasting(p50, p99 time.Duration) *result.Distribution {
	return &result.Distribution{Count: 10_000, P50: &p50, P99: &p99, Max: 2 * p99}
}

func TestTheMostSevereVerdictWins(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Result)
		code   string
		why    string
	}{
		{"nothing", func(*result.Result) {}, result.Valid, ""},
		{"a connection that did not open", func(r *result.Result) { r.Connect.Opened = 99 }, result.None, "1 of 100 connections failed"},
		{"an interrupt", func(r *result.Result) { r.Interrupted = true }, result.None, "interrupted"},
		{"a loss", func(r *result.Result) { r.Delivery.Lost = 1 }, result.Broken, "1 of 100,000 deliveries lost"},
		{"one duplicated", func(r *result.Result) { r.Delivery.Duplicated = 1 }, result.Broken, "duplicated"},
		{"one out of order", func(r *result.Result) { r.Delivery.Reordered = 1 }, result.Broken, "out of order"},
		{"one altered", func(r *result.Result) { r.Delivery.Corrupt = 1 }, result.Broken, "altered"},
		{"one in a wrong room", func(r *result.Result) { r.Delivery.Misrouted = 1 }, result.Broken, "in a wrong room"},
		{"a connection that ended", func(r *result.Result) { r.Delivery.Closed = 1 }, result.Broken, "1 connection closed"},
		{"a killed connection that did not return", func(r *result.Result) { r.Storm = &result.Storm{Killed: 10, Back: 9} }, result.Broken, "1 of 10 killed"},
		{"a reported gap", func(r *result.Result) {
			r.Plan.Size = 128
			r.Resume = &result.Resume{Clients: 10, Missed: 3, Reported: 40, Needed: result.History{Messages: 20, Age: 3e9}}
		}, result.Gaps, "3 of 10 clients that returned, 40 deliveries; needed: a history of 20 messages (2560 B) for 3.00 s"},
		{"a reported gap without messages", func(r *result.Result) { r.Resume = &result.Resume{Clients: 1, Missed: 1} }, result.Gaps, "1 of 1 client that returned, 0 deliveries"},
		{"a reported gap, and a loss", func(r *result.Result) {
			r.Resume, r.Delivery.Lost = &result.Resume{Clients: 10, Missed: 3}, 1
		}, result.Broken, "gaps reported"},
		{"a reported gap, and a busy agent", func(r *result.Result) {
			r.Resume, r.Client.Busiest = &result.Resume{Clients: 10, Missed: 3}, 0.9
		}, result.Gaps, "busy 90 %"},
		{"a rate below the offered one", func(r *result.Result) { r.Sent.Achieved = 98 }, result.Limited, "98.0 % of the offered rate"},
		{"messages sent late", func(r *result.Result) { r.Sent.Lag = lasting(0, 1100*time.Microsecond) }, result.Limited, "send delay: p99 1.10 ms"},
		{"late, but the latency is ten times that", func(r *result.Result) {
			r.Sent.Lag, r.Latency.Each = lasting(0, 4*time.Millisecond), lasting(50*time.Millisecond, 90*time.Millisecond)
		}, result.Valid, ""},
		{"late, by more than a tenth of the latency", func(r *result.Result) {
			r.Sent.Lag, r.Latency.Each = lasting(0, 6*time.Millisecond), lasting(50*time.Millisecond, 90*time.Millisecond)
		}, result.Limited, "send delay: p99 6.00 ms, above 5.00 ms"},
		{"a message that could not be sent", func(r *result.Result) { r.Sent.Unsendable = 1 }, result.Broken, "1 message could not be sent"},
		{"late in a closed loop, which has no schedule", func(r *result.Result) {
			r.Plan.Closed, r.Sent.Offered, r.Sent.Lag = 5, 0, lasting(0, time.Second)
		}, result.Valid, ""},
		{"a busy agent", func(r *result.Result) { r.Client.Busiest = 0.86 }, result.Limited, "busy 86 %"},
		{"a quota that stopped the agent", func(r *result.Result) { r.Client.Throttled = 100 * time.Millisecond }, result.Limited, "quota of its control group stopped an agent for 100 ms"},
		{"a quota that hardly stopped the agent", func(r *result.Result) { r.Client.Throttled = 90 * time.Millisecond }, result.Valid, ""},
		{"a stall", func(r *result.Result) { r.Verdict.Why = []string{"no delivery for 2 s"} }, result.Unsteady, "no delivery"},
		{"a stall with a busy agent", func(r *result.Result) {
			r.Verdict.Why, r.Client.Busiest = []string{"no delivery for 2 s"}, 0.9
		}, result.Limited, "no delivery"},
		{"a loss with a busy agent", func(r *result.Result) { r.Delivery.Lost, r.Client.Busiest = 1, 0.9 }, result.Broken, "busy 90 %"},
		{"a loss before an interrupt", func(r *result.Result) { r.Interrupted, r.Delivery.Lost = true, 1 }, result.None, "lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := fine()
			tt.change(r)
			judge(r, nil)
			why := strings.Join(r.Verdict.Why, "; ")
			if r.Verdict.Code != tt.code || r.Verdict.OK != (tt.code == result.Valid) || !strings.Contains(why, tt.why) || (tt.why == "") != (why == "") {
				t.Errorf("got %+v, want %s with %q", r.Verdict, tt.code, tt.why)
			}
		})
	}
}

// rowsOf returns a run with the given deliveries and median latency in each quarter of a second.
func rowsOf(n int, of func(i int) (deliveries int, p50 time.Duration)) *run {
	cfg := DefaultConfig(Broadcast)
	r := &run{cfg: &cfg, result: fine(), collect: newCollector(1), end: int64(n)}
	r.collect.begin(0)
	var all agent.Tally
	for i := range n {
		deliveries, p50 := of(i)
		all.Deliveries += uint64(deliveries)
		r.collect.rows = append(r.collect.rows, row{n: int64(i + 1), count: all, p50: p50, each: make([]time.Duration, 1), held: make([]time.Duration, 1)})
	}
	return r
}

func TestADriftIsNotSteady(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func() float64 { return 1 + 0.03*random.NormFloat64() }
	for _, tt := range []struct {
		name   string
		change func(*Config)
		of     func(i int) (int, time.Duration)
		why    string
	}{
		{name: "the same throughout", of: func(int) (int, time.Duration) {
			return int(1000 * noise()), time.Duration(2e6 * noise())
		}},
		{name: "latency that rises: a queue that grows", of: func(i int) (int, time.Duration) {
			return int(1000 * noise()), time.Duration((2e6 + 2e5*float64(i)) * noise())
		}, why: "median latency did not settle: "},
		{name: "latency that falls", of: func(i int) (int, time.Duration) {
			return int(1000 * noise()), time.Duration((12e6 - 2e5*float64(i)) * noise())
		}},
		{name: "latency that rises by less than a millisecond", of: func(i int) (int, time.Duration) {
			return int(1000 * noise()), time.Duration((1e5 + 1e4*float64(i)) * noise())
		}},
		{name: "fewer and fewer deliveries", of: func(i int) (int, time.Duration) {
			return int((1000 - 10*float64(i)) * noise()), time.Duration(2e6 * noise())
		}, why: "deliveries did not settle: "},
		{name: "deliveries that all come at the end", of: func(i int) (int, time.Duration) {
			return 1000 * max(0, i-30), time.Duration(2e6 * noise())
		}, why: "deliveries did not settle: 0/s to "},
		{name: "fewer deliveries, because connections stopped reading", change: func(c *Config) { c.Slow = 0.1 }, of: func(i int) (int, time.Duration) {
			return int((1000 - 10*float64(i)) * noise()), time.Duration(2e6 * noise())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rowsOf(40, tt.of)
			if tt.change != nil {
				tt.change(r.cfg)
			}
			r.steadiness(0)
			judge(r.result, nil)
			want := result.Valid
			if tt.why != "" {
				want = result.Unsteady
			}
			if v := r.result.Verdict; v.Code != want || !strings.Contains(strings.Join(v.Why, "; "), tt.why) {
				t.Errorf("got %+v, want %s with %q", v, want, tt.why)
			}
		})
	}
}

// A small or random drift is steady. A drift during the warm-up does not count.
func TestSteadinessBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name   string
		from   int64
		change func(*run)
		of     func(i int) int // deliveries
		why    string
	}{
		{name: "a certain rise of five percent", of: func(i int) int { return 10_000 + 12*i }},
		{name: "a certain rise of a third", of: func(i int) int { return 10_000 + 100*i }, why: "deliveries did not settle"},
		{name: "one quarter of a second with many deliveries", of: func(i int) int { return 1000 + 8000*(i/39) }},
		{name: "noise larger than the change", of: func(int) int { return int(5000 * (0.1 + 2*random.Float64())) }},
		{name: "a warm-up that rose", from: 20, of: func(i int) int { return 1000 * min(i+1, 20) }},
		{name: "a rise after the warm-up", from: 20, of: func(i int) int { return 1000 * (i + 1) }, why: "deliveries did not settle"},
		{name: "one stall", of: func(i int) int {
			if i >= 10 && i < 14 {
				return 0
			}
			return 1000
		}, why: "no delivery for 1.00 s, from 2.5 s after the start"},
		{name: "no delivery, because no message is sent", change: func(r *run) { r.cfg.Scenario = Idle }, of: func(int) int { return 0 }},
	} {
		r := rowsOf(40, func(i int) (int, time.Duration) { return tt.of(i), time.Millisecond })
		for i := range r.collect.rows {
			r.collect.rows[i].sent.Messages = uint64(10 * (i + 1))
		}
		if tt.change != nil {
			tt.change(r)
		}
		r.steadiness(tt.from)
		if why := strings.Join(r.result.Verdict.Why, "; "); !strings.HasPrefix(why, tt.why) || (tt.why == "") != (why == "") {
			t.Errorf("%s: got %q, want %q", tt.name, why, tt.why)
		}
	}
}

// OK requires that every bound holds.
func TestBoundsDecideOK(t *testing.T) {
	for expr, ok := range map[string]bool{"p99<6ms": true, "p99<5ms": false, "lost==0": true, "ping-p99<1s": false} {
		bound, err := result.ParseBound(expr)
		if err != nil {
			t.Fatal(err)
		}
		other, err := result.ParseBound("lost<1")
		if err != nil {
			t.Fatal(err)
		}
		r := fine()
		judge(r, []result.Bound{bound, other})
		if r.Verdict.Code != result.Valid || r.Verdict.OK != ok || len(r.Thresholds) != 2 || r.Thresholds[0].OK != ok {
			t.Errorf("%s: got %+v, %+v", expr, r.Verdict, r.Thresholds)
		}
	}
}

func TestWarmupIsNotMeasured(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func() float64 { return 1 + 0.02*random.NormFloat64() }
	ramp := func(i int) (int, time.Duration) { // steady after five seconds
		share := min(1, float64(i+1)/20)
		return int(1000 * share * noise()), time.Duration(2e6 * noise())
	}
	for _, tt := range []struct {
		name      string
		change    func(*Config)
		low, high int64 // in ticks
	}{
		{"found in the figures", func(c *Config) { c.Auto = true }, 18, 30},
		{"as configured", func(c *Config) { c.Auto, c.Warmup = false, time.Second }, 4, 4},
		{"the shortest, with an event", func(c *Config) { c.Auto, c.Kill = true, 0.5 }, leastWarmup, leastWarmup},
	} {
		r := rowsOf(80, ramp)
		tt.change(r.cfg)
		from := r.cut()
		if from < tt.low || from > tt.high {
			t.Errorf("%s: got a cut after %d ticks, want %d to %d", tt.name, from, tt.low, tt.high)
		}
		if p := r.result.Plan; p.Warmup != time.Duration(from*agent.TickEvery) || p.Warmup+p.Duration != 80*time.Duration(agent.TickEvery) {
			t.Errorf("%s: got a warm-up of %v and %v measured", tt.name, p.Warmup, p.Duration)
		}
	}
}
