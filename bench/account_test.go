package bench

import (
	"math"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
)

// of returns a histogram of the values.
func of(values ...time.Duration) *histogram.Histogram {
	h := &histogram.Histogram{}
	for _, v := range values {
		h.Record(int64(v))
	}
	return h
}

// part is a part of a run: what one agent reports in each of its ticks.
type part struct {
	until                int64 // the last tick of the part
	deliveries, messages uint64
	latency, late, lag   time.Duration // one value of each per tick; 0 for none
	cpu, held            time.Duration
	killed, back         int // since the beginning, from this part on
}

// agentRun returns a run of two agents that have reported all parts, from tick 100 on. The figures are known and no clock is involved. The
// second agent uses a quarter of the first one's CPU time, and no quota stops it.
func agentRun(cfg *Config, end int64, parts ...part) *run {
	const start = 100
	r := &run{cfg: cfg, result: fine(), collect: newCollector(2), end: end, fleet: &fleet{}, watch: &watch{cpu: map[int64]time.Duration{}, quit: make(chan struct{})}}
	r.watch.result = r.result
	r.result.Latency, r.result.Sent, r.result.Delivery, r.result.Client = result.Latency{}, result.Sent{}, result.Delivery{Closes: map[string]int{}}, result.Client{}
	r.targets = make([]agent.Target, 1)
	for range 2 {
		r.fleet.members = append(r.fleet.members, &member{ready: agent.Ready{Cores: 4, Pollers: 1}})
	}
	r.connected, r.reports = make([]agent.Connected, 2), make([]agent.Report, 2)
	before := agent.Tick{N: start, CPU: 9 * time.Second, Held: 5 * time.Second}
	r.collect.begin(start)
	ticks := [2]agent.Tick{before, before}
	for i := range ticks {
		t := ticks[i]
		r.collect.take(i, &t)
	}
	at := int64(start)
	for _, p := range parts {
		for at < p.until {
			at++
			for i := range ticks {
				t := &ticks[i]
				t.N = at
				t.Count.Deliveries += p.deliveries
				t.Sent.Messages += p.messages
				share := time.Duration(1 + 3*(1-i))
				t.CPU += p.cpu * share / 4
				t.Held += p.held * time.Duration(1-i)
				t.Killed, t.Back = p.killed*(1-i), p.back*(1-i)
				copied := *t
				for _, v := range []struct {
					value time.Duration
					to    **histogram.Histogram
				}{{value: p.latency, to: &copied.Each}, {value: p.late, to: &copied.Late}, {value: p.lag, to: &copied.Lag}} {
					if v.value > 0 {
						*v.to = of(v.value)
					}
				}
				r.collect.take(i, &copied)
			}
		}
	}
	for i := range ticks {
		t := ticks[i]
		t.N++
		r.reports[i].Tick = t
	}
	return r
}

func close2(got, want float64) bool { return math.Abs(got-want) <= 1e-9*math.Abs(want) }

const ms = time.Millisecond

// measuredConfig has four measured seconds after a warm-up of two.
func measuredConfig() *Config {
	cfg := DefaultConfig(Broadcast)
	cfg.Auto, cfg.Warmup, cfg.Duration, cfg.Rate = false, 2*time.Second, 4*time.Second, 320
	return &cfg
}

func measuredRun(cfg *Config) *run {
	r := agentRun(cfg, 124,
		part{until: 108, deliveries: 100, messages: 10, latency: 90 * ms, late: 80 * ms, lag: 70 * ms, cpu: 250 * ms, held: 20 * ms},
		part{until: 124, deliveries: 1000, messages: 40, latency: ms, late: ms / 2, lag: ms / 10, cpu: 200 * ms, held: 3 * ms},
		part{until: 128, deliveries: 5, latency: 5 * ms, late: 4 * ms, lag: 60 * ms, cpu: 250 * ms, held: 20 * ms})
	for n := int64(100); n <= 128; n++ { // CPU of the server, connecting included
		r.watch.cpu[n] = 7*time.Second + time.Duration(n-100)*100*ms
	}
	r.watch.cpu[124] = r.watch.cpu[108] + time.Second
	return r
}

// All figures are of the measured part: none includes the warm-up, and only the latency includes deliveries after the last message.
func TestTheAccountIsOfTheMeasuredPart(t *testing.T) {
	r := measuredRun(measuredConfig())
	r.account()
	s, l, c, server, d := &r.result.Sent, &r.result.Latency, &r.result.Client, &r.result.Server, &r.result.Delivery
	if s.Messages != 2*(8*10+16*40) || s.Offered != 320 || !close2(s.Achieved, 2*16*40/4) {
		t.Errorf("sent: got %+v, want 1,440 messages, and 320 a second of 320", s)
	}
	if s.Lag.Count != 32 || s.Lag.Max != ms/10 {
		t.Errorf("lag: got %d, maximum %v, want 32 of 100 µs", s.Lag.Count, s.Lag.Max)
	}
	if l.Each.Count != 40 || l.Each.Max != 5*ms || l.Sent.Count != 40 || l.Sent.Max != 4*ms {
		t.Errorf("latency: got %d, maximum %v, and %d, maximum %v from the send, want 40, 5 ms, and 4 ms", l.Each.Count, l.Each.Max, l.Sent.Count, l.Sent.Max)
	}
	const deliveries = 2 * 16 * 1000
	if !close2(d.PerS, deliveries/4) || d.Got != 2*(800+16_000+20) {
		t.Errorf("deliveries: got %v/s, %d, want %d/s", d.PerS, d.Got, deliveries/4)
	}
	// The first agent uses 200 ms per quarter of a second, on its only poller; the second agent a quarter of that.
	if c.CPU != 16*250*ms || !close2(c.Cores, 1) || !close2(c.Busiest, 0.8) || c.Throttled != 48*ms || !close2(c.PerDelivery, 4e9/deliveries) {
		t.Errorf("client: got %+v", c)
	}
	if server.CPU != time.Second || !close2(server.Cores, 0.25) || !close2(server.PerDelivery, 1e9/deliveries) {
		t.Errorf("server: got %+v", server)
	}
	if p := &r.result.Plan; p.Warmup != 2*time.Second || p.Duration != 4*time.Second {
		t.Errorf("got %v measured after %v of warm-up", p.Duration, p.Warmup)
	}
}

// A random schedule and a closed loop have no offered rate.
func TestARandomScheduleHasNoOfferedRate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"random":      func(c *Config) { c.Poisson = true },
		"closed loop": func(c *Config) { c.Closed = 3 },
	} {
		cfg := measuredConfig()
		change(cfg)
		r := measuredRun(cfg)
		if r.account(); r.result.Sent.Offered != 0 || r.result.Sent.Achieved == 0 {
			t.Errorf("%s: got %+v, want no offered rate", name, r.result.Sent)
		}
	}
}

// The first receipt of a message is the first of any agent, and the last receipt is the last of all agents.
func TestTheAccountOfFirstAndLastIsOfAllAgents(t *testing.T) {
	r := measuredRun(measuredConfig())
	tick := func(n int64) int64 { return n * agent.TickEvery }
	for i, s := range []agent.Span{
		{Intended: tick(104), First: tick(104) + int64(ms), Last: tick(104) + int64(700*ms)}, // in the warm-up
		{Seq: 1, Intended: tick(110), First: tick(110) + int64(2*ms), Last: tick(110) + int64(30*ms)},
	} {
		r.reports[0].Tick.Spans = append(r.reports[0].Tick.Spans, s)
		if i == 1 {
			s.First, s.Last = tick(110)+int64(ms), tick(110)+int64(20*ms)
			r.reports[1].Tick.Spans = append(r.reports[1].Tick.Spans, s)
		}
	}
	r.account()
	if l := &r.result.Latency; l.First.Count != 1 || l.First.Max != ms || l.Last.Count != 1 || l.Last.Max != 30*ms || l.Span.Max != 29*ms {
		t.Errorf("got %+v, %+v and %+v, want 1, 30 and 29 ms", l.First, l.Last, l.Span)
	}
}

// The findings of all agents are added up. The orders of one room are compared if both agents are certain and received the same number.
func TestTheAccountComparesTheOrdersOfAgents(t *testing.T) {
	r := measuredRun(measuredConfig())
	a, b := &r.reports[0], &r.reports[1]
	a.Findings = agent.Findings{Faults: result.Faults{Lost: 1, Corrupt: 2}, Expected: 10, Died: 3, Samples: []result.Fault{{Kind: "lost"}},
		Orders: []agent.Order{{Length: 5, Digest: 1}, {Length: 3, Digest: 9}, {Length: 4, Digest: 4}, {}}}
	b.Findings = agent.Findings{Faults: result.Faults{Lost: 10, Duplicated: 4}, Expected: 20, Died: 4,
		Orders: []agent.Order{{Length: 5, Digest: 1}, {Length: 3, Digest: 8}, {Length: 6, Digest: 5}, {Length: 7, Digest: 7}}}
	a.Closes, b.Closes = map[string]int{"x": 1}, map[string]int{"x": 2, "y": 3}
	a.Tick.Count.Left, b.Tick.Count.Left, a.Tick.Count.Opened, b.Tick.Count.Opened = 1, 2, 60, 55
	r.account()
	d := &r.result.Delivery
	if want := (result.Faults{Lost: 11, Corrupt: 2, Duplicated: 4, Reordered: 1}); d.Faults != want || d.Expected != 30 || r.result.Sent.Died != 7 {
		t.Errorf("got %+v of %d, %d died, want %+v of 30, 7 died", d.Faults, d.Expected, r.result.Sent.Died, want)
	}
	if n := len(d.Samples); n != 2 || d.Samples[1].Kind != "reordered" || d.Samples[1].Room != 1 {
		t.Errorf("got %+v, want the room with two orders", d.Samples)
	}
	if d.Closes["x"] != 3 || d.Closes["y"] != 3 {
		t.Errorf("got %v", d.Closes)
	}
	if c := &r.result.Connect; c.Left != 3 || c.Joined != 15 {
		t.Errorf("got %d left and %d joined, want 3 and 15", c.Left, c.Joined)
	}
}

// An uncertain order of one agent does not prevent the comparison of the other agents' orders.
func TestTheAccountSkipsUncertainOrders(t *testing.T) {
	r := measuredRun(measuredConfig())
	r.reports = make([]agent.Report, 3)
	for i, o := range []agent.Order{{Length: 7, Digest: 1}, {}, {Length: 7, Digest: 2}} {
		r.reports[i].Findings.Orders = []agent.Order{o}
	}
	if r.prove(); r.result.Delivery.Faults != (result.Faults{Reordered: 1}) {
		t.Errorf("got %+v, want a difference between the first and the last agent", r.result.Delivery.Faults)
	}
}

// A run that is interrupted during its warm-up consists of the warm-up only.
func TestTheAccountOfARunInterruptedInItsWarmup(t *testing.T) {
	cfg := measuredConfig()
	r := measuredRun(cfg)
	r.result.Interrupted, r.end = true, 104
	if r.account(); r.result.Plan.Duration != time.Second || r.result.Latency.Each == nil || r.result.Latency.Each.Max != 90*ms {
		t.Errorf("got %v, %+v, want the second until the interrupt", r.result.Plan.Duration, r.result.Latency.Each)
	}
}

// stormRun returns a run in which 10 connections are killed at tick 112. back of them have returned by tick 118.
func stormRun(scenario string, back int) *run {
	cfg := measuredConfig()
	cfg.Scenario = scenario
	r := agentRun(cfg, 132,
		part{until: 108, latency: 90 * ms},
		part{until: 112, latency: ms},
		part{until: 118, latency: 30 * ms, killed: 10},
		part{until: 132, latency: 60 * ms, killed: 10, back: back})
	r.event = 112
	return r
}

func TestTheAccountOfAStorm(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name            string
		back            []time.Duration
		half, most, all time.Duration
		untouched       time.Duration // longest latency of the other clients meanwhile
	}{
		{name: "all return", back: []time.Duration{s, 2 * s, 3 * s, 4 * s, 5 * s, 6 * s, 7 * s, 8 * s, 9 * s, 10 * s}, half: 5 * s, most: 10 * s, all: 10 * s, untouched: 60 * ms},
		{name: "eight of ten return", back: []time.Duration{s, 2 * s, 3 * s, 4 * s, 5 * s, 6 * s, 7 * s, 8 * s}, half: 5 * s, untouched: 60 * ms},
		{name: "none returns", untouched: 60 * ms},
	} {
		r := stormRun(Storm, len(tt.back))
		r.cfg.Kill = 0.5
		r.reports[0].Back = *of(tt.back...)
		r.account()
		near := func(got, want time.Duration) bool { return got >= want*99/100 && got <= want*101/100 }
		got := r.result.Storm
		if got.Killed != 10 || got.Back != len(tt.back) || !near(got.Back50, tt.half) || !near(got.Back99, tt.most) || !near(got.Back100, tt.all) {
			t.Errorf("%s: got %+v, want half after %v, 99 %% after %v, all after %v", tt.name, got, tt.half, tt.most, tt.all)
		}
		if n := got.Before; n.Count != 8 || n.Max != ms {
			t.Errorf("%s: before, got %d latencies, maximum %v, want 8 of 1 ms", tt.name, n.Count, n.Max)
		}
		// From the kill until all are back: six ticks, and the tick that reports it.
		want := uint64(2 * 7)
		if len(tt.back) < 10 {
			want = 2 * 20
		}
		if n := got.Untouched; n.Count != want || n.Max != tt.untouched {
			t.Errorf("%s: meanwhile, got %d latencies, maximum %v, want %d, %v", tt.name, n.Count, n.Max, want, tt.untouched)
		}
	}
}

func TestTheAccountOfStoppedReaders(t *testing.T) {
	r := stormRun(Slow, 0)
	r.cfg.Slow = 0.1
	for i := range r.reports {
		r.reports[i].Stopped, r.reports[i].Tick.Count.Cut = 5, 2+i
		r.reports[i].Cuts = map[string]int{"close 1008": 2 + i}
		r.reports[i].Cut = *of(time.Duration(i+1) * time.Second)
	}
	r.watch.grown, r.result.Server.PSSConnected = 90, 20
	r.account()
	s := r.result.Slow
	if s.Stopped != 10 || s.Cut != 5 || s.Closes["close 1008"] != 5 || s.CutAfter.Count != 2 || s.Grown != 70 {
		t.Errorf("got %+v", s)
	}
	if s.Before.Count != 8 || s.Before.Max != ms || s.Healthy.Count != 2*20 || s.Healthy.Max != 60*ms {
		t.Errorf("got %d, maximum %v before, and %d, maximum %v after", s.Before.Count, s.Before.Max, s.Healthy.Count, s.Healthy.Max)
	}
}

// A planned event is not warm-up, although the series changes with it.
func TestTheAccountKeepsEvents(t *testing.T) {
	cfg := measuredConfig()
	cfg.Auto = true
	r := agentRun(cfg, 180, part{until: 140, deliveries: 1000, latency: 50 * ms}, part{until: 180, deliveries: 500, latency: ms})
	if from := r.cut(); from < 130 {
		t.Fatalf("got the cut at %d, want a later one: the series does not test anything", from)
	}
	cfg.Slow = 0.1
	if from := r.cut(); from != r.warmed(100) {
		t.Errorf("got the cut at %d, want the shortest warm-up, %d", from, r.warmed(100))
	}
}

// An agent that skips a tick includes its values in the next one, and the collector loses none. A long run keeps separate values only for
// its first minute.
func TestTheCollectorLosesNoTick(t *testing.T) {
	c := newCollector(2)
	c.begin(0)
	for n := int64(0); n <= keptRows+40; n++ {
		c.take(0, &agent.Tick{N: n, Each: of(ms), Count: agent.Tally{Deliveries: uint64(n)}})
		if n%2 == 0 { // the other agent skips every second tick
			c.take(1, &agent.Tick{N: n, Each: of(2 * ms), Count: agent.Tally{Deliveries: uint64(n)}})
		}
	}
	all := c.between(0, c.next())
	if want := uint64(keptRows + 41 + (keptRows+40)/2 + 1); all.each.Total() < want-1 || all.each.Total() > want {
		t.Errorf("got %d latencies, want %d", all.each.Total(), want)
	}
	if got := c.at(c.next()).count.Deliveries; got < uint64(2*(keptRows+40)-2) {
		t.Errorf("got %d deliveries", got)
	}
}
