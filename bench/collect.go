package bench

import (
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
)

// collector adds up the ticks of the agents. The run's goroutine owns it.
type collector struct {
	agents int
	ticks  [][]agent.Tick // by agent: the ticks that are not yet in a row, after the last one that is

	begun   bool
	start   int64 // the tick at which sending began
	base    row   // the row at start
	rows    []row // one per tick since start, without gaps
	pending map[int64]*recorded
	rest    recorded // of rows older than keptRows
	spans   map[spanID]agent.Span
	folded  folded
}

// row is a quarter of a second.
type row struct {
	n       int64
	count   agent.Tally     // since the beginning
	sent    agent.Sent      // since the beginning
	cpu     time.Duration   // of all agents, since the beginning
	each    []time.Duration // by agent: its part of cpu
	held    []time.Duration // by agent: time for which CPU quotas stopped it
	gc      time.Duration
	back    int
	killed  int
	refused int

	p50, p99, max, lagP99 time.Duration
	recorded              *recorded // nil once it is part of rest
}

// recorded are the values recorded in a time.
type recorded struct{ each, late, touched, lag, ping, loopLag histogram.Histogram }

func (h *recorded) add(t *agent.Tick) {
	for _, p := range []struct{ to, from *histogram.Histogram }{
		{to: &h.each, from: t.Each}, {to: &h.late, from: t.Late}, {to: &h.touched, from: t.Touched},
		{to: &h.lag, from: t.Lag}, {to: &h.ping, from: t.Ping}, {to: &h.loopLag, from: t.LoopLag},
	} {
		if p.from != nil {
			p.to.Merge(p.from)
		}
	}
}

func (h *recorded) merge(o *recorded) {
	h.add(&agent.Tick{Each: &o.each, Late: &o.late, Touched: &o.touched, Lag: &o.lag, Ping: &o.ping, LoopLag: &o.loopLag})
}

type spanID struct{ publisher, seq uint32 }

// folded are the receipt times of messages that are too old to be affected by the end of the warm-up.
type folded struct{ first, last, span histogram.Histogram }

func (fo *folded) add(s agent.Span) {
	fo.first.Record(s.First - s.Intended)
	fo.last.Record(s.Last - s.Intended)
	fo.span.Record(s.Last - s.First)
}

const (
	ticksASecond = int64(time.Second) / agent.TickEvery
	keptRows     = 60 * ticksASecond // rows that keep their own values, so that a warm-up can be removed
	spanKeeps    = int64(70 * time.Second)
)

func newCollector(agents int) *collector {
	return &collector{agents: agents, ticks: make([][]agent.Tick, agents), pending: map[int64]*recorded{}, spans: map[spanID]agent.Span{}}
}

// begin records the tick at which sending begins.
func (co *collector) begin(start int64) {
	co.begun, co.start, co.base = true, start, co.emptyRow(start)
	for i, ticks := range co.ticks {
		if n := len(ticks); n > 0 {
			co.ticks[i] = ticks[n-1:]
		}
	}
	clear(co.pending)
}

// take adds a tick of the agent from.
func (co *collector) take(from int, t *agent.Tick) {
	if !co.begun {
		co.ticks[from] = append(co.ticks[from][:0], *t)
		return
	}
	if t.N < co.start { // from the time of connecting
		co.ticks[from] = append(co.ticks[from][:0], cumulative(t))
		return
	}
	// A late tick may include messages sent right after it.
	at := max(t.N, co.start+1)
	h := co.pending[at]
	if h == nil {
		h = &recorded{}
		co.pending[at] = h
	}
	h.add(t)
	for _, s := range t.Spans {
		id := spanID{publisher: s.Publisher, seq: s.Seq}
		if old, ok := co.spans[id]; ok {
			s.First, s.Last = min(s.First, old.First), max(s.Last, old.Last)
		}
		co.spans[id] = s
	}
	if t.N == co.start {
		co.ticks[from] = co.ticks[from][:0]
	}
	co.ticks[from] = append(co.ticks[from], cumulative(t))
	for co.whole() {
		co.finishRow()
	}
}

// cumulative returns t without its histograms and spans, which are kept elsewhere.
func cumulative(t *agent.Tick) agent.Tick {
	return agent.Tick{N: t.N, CPU: t.CPU, GC: t.GC, Held: t.Held, Count: t.Count, Sent: t.Sent, Back: t.Back, Killed: t.Killed, Refused: t.Refused}
}

func (co *collector) next() int64 { return co.start + int64(len(co.rows)) + 1 }

// whole reports whether every agent has sent the tick of the next row, or a later one.
func (co *collector) whole() bool {
	for _, ticks := range co.ticks {
		if len(ticks) == 0 || ticks[len(ticks)-1].N < co.next() {
			return false
		}
	}
	return true
}

// finishRow adds the next row.
func (co *collector) finishRow() {
	n := co.next()
	r := co.emptyRow(n)
	r.recorded = &recorded{}
	for i, ticks := range co.ticks {
		if len(co.rows) == 0 && ticks[0].N <= co.start {
			co.base.add(i, &ticks[0])
		}
		for len(ticks) > 1 && ticks[1].N <= n {
			ticks = ticks[1:]
		}
		co.ticks[i] = ticks
		if ticks[0].N > n {
			continue // its first tick of the run was late
		}
		r.add(i, &ticks[0])
	}
	for at, h := range co.pending { // an agent that skipped a tick includes it in its next one
		if at <= n {
			r.recorded.merge(h)
			delete(co.pending, at)
		}
	}
	h := &r.recorded.each
	r.p50, r.p99, r.max = time.Duration(h.Quantile(0.5)), time.Duration(h.Quantile(0.99)), time.Duration(h.Max())
	r.lagP99 = time.Duration(r.recorded.lag.Quantile(0.99))
	co.rows = append(co.rows, r)
	if old := len(co.rows) - 1; int64(old) >= keptRows {
		co.rest.merge(co.rows[old].recorded)
		co.rows[old].recorded = nil
		if n%ticksASecond == 0 {
			co.fold(n * agent.TickEvery)
		}
	}
}

func (co *collector) emptyRow(n int64) row {
	return row{n: n, each: make([]time.Duration, co.agents), held: make([]time.Duration, co.agents)}
}

func (ro *row) add(i int, t *agent.Tick) {
	ro.count.Add(t.Count)
	ro.sent.Messages += t.Sent.Messages
	ro.sent.Unsendable += t.Sent.Unsendable
	ro.cpu += t.CPU
	ro.each[i], ro.held[i] = t.CPU, t.Held
	ro.gc += t.GC
	ro.back += t.Back
	ro.killed += t.Killed
	ro.refused += t.Refused
}

// fold moves the spans of messages that arrive no more into folded.
func (co *collector) fold(at int64) {
	kept := co.start*agent.TickEvery + keptRows*agent.TickEvery
	for id, s := range co.spans {
		if s.Intended > kept && s.Intended < at-spanKeeps {
			co.folded.add(s)
			delete(co.spans, id)
		}
	}
}

// finish adds the last ticks of all agents, which are later than all rows.
func (co *collector) finish(last []agent.Tick) {
	n := co.next()
	for i := range last {
		n = max(n, last[i].N)
	}
	for i := range last {
		last[i].N = n
		co.take(i, &last[i])
	}
}

// between returns the values of the rows after the tick from, up to and including the tick to.
func (co *collector) between(from, to int64) *recorded {
	all := &recorded{}
	for _, r := range co.rows {
		if r.n > from && r.n <= to && r.recorded != nil {
			all.merge(r.recorded)
		}
	}
	if to > co.start+keptRows {
		all.merge(&co.rest)
	}
	return all
}

// at returns the row of tick n, or the nearest one.
func (co *collector) at(n int64) row {
	switch i := n - co.start - 1; {
	case len(co.rows) == 0, i < 0:
		return co.base
	case i >= int64(len(co.rows)):
		return co.rows[len(co.rows)-1]
	default:
		return co.rows[i]
	}
}

// spread returns the receipt times of the messages scheduled after the time after.
func (co *collector) spread(after int64) folded {
	f := co.folded
	for _, s := range co.spans {
		if s.Intended >= after {
			f.add(s)
		}
	}
	return f
}

// seconds returns the rows as a time series. server returns the CPU time of the server at a tick.
func (co *collector) seconds(measured int64, end int64, server func(n int64) (time.Duration, bool)) []result.Second {
	out := []result.Second{}
	last := co.at(co.start)
	for i := ticksASecond - 1; i < int64(len(co.rows)); i += ticksASecond {
		r := co.rows[i]
		took := time.Duration((r.n - last.n) * agent.TickEvery).Seconds()
		all := &recorded{}
		for _, q := range co.rows[i-ticksASecond+1 : i+1] {
			if q.recorded != nil {
				all.merge(q.recorded)
			}
		}
		s := result.Second{
			T:           time.Duration((r.n - co.start) * agent.TickEvery).Seconds(),
			Measured:    last.n >= measured && r.n <= end,
			Connections: connections(r.count),
			Sent:        float64(r.sent.Messages-last.sent.Messages) / took,
			Deliveries:  float64(r.count.Deliveries-last.count.Deliveries) / took,
			P50:         all.each.Quantile(0.5),
			Max:         all.each.Max(),
			LagP99:      all.lag.Quantile(0.99),
			ClientCores: (r.cpu - last.cpu).Seconds() / took,
		}
		if all.each.Total() >= 1000 {
			s.P99 = all.each.Quantile(0.99)
		}
		if r.recorded == nil { // a long run keeps only these values of old rows
			for _, q := range co.rows[i-ticksASecond+1 : i+1] {
				s.P50, s.P99, s.Max = max(s.P50, int64(q.p50)), max(s.P99, int64(q.p99)), max(s.Max, int64(q.max))
				s.LagP99 = max(s.LagP99, int64(q.lagP99))
			}
		}
		from, ok1 := server(last.n)
		to, ok2 := server(r.n)
		if ok1 && ok2 {
			s.ServerCores = (to - from).Seconds() / took
		}
		out = append(out, s)
		last = r
	}
	return out
}

// connections returns the number of open connections.
func connections(t agent.Tally) int { return t.Opened - t.Left - t.Closed - t.Cut }

// stalls returns the intervals of one second or more without a delivery, until the tick end.
func (co *collector) stalls(end int64) []result.Stall {
	out := []result.Stall{}
	last := co.at(co.start)
	since := last
	add := func() {
		if quiet := time.Duration((last.n - since.n) * agent.TickEvery); quiet >= time.Second {
			out = append(out, result.Stall{At: time.Duration((since.n - co.start) * agent.TickEvery).Seconds(), Took: quiet})
		}
	}
	for _, r := range co.rows {
		if r.n > end {
			break
		}
		if r.count.Deliveries > last.count.Deliveries || r.sent.Messages == since.sent.Messages {
			add()
			since = r
		}
		last = r
	}
	add()
	return out
}
