package bench

import (
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// account computes the result from the counts of the agents.
func (r *run) account() {
	last := make([]agent.Tick, len(r.reports))
	for i := range r.reports {
		last[i] = r.reports[i].Tick
	}
	r.collect.finish(last)
	from := r.cut()
	r.prove()
	r.sent(from)
	r.latency(from)
	r.costs(from)
	r.accountTargets()
	if r.cfg.Kill > 0 || r.cfg.Node > 0 {
		r.storm()
	}
	if r.cfg.Slow > 0 {
		r.slow()
	}
	out := r.result
	out.Series = r.collect.seconds(from, r.end, r.watch.at)
	r.watch.stop()
	out.Observed = append(out.Observed, r.watch.rows...)
	for _, text := range r.watch.notes {
		r.note("%s", text)
	}
	if r.cfg.Scenario != Connect {
		r.steadiness(from)
	}
	if r.cfg.Closed > 0 {
		r.note("closed loop: latency = %d in flight / throughput; it hides the time in which a server stops responding", r.cfg.Closed)
	}
}

// cut returns the tick at which the measured part begins: the end of the warm-up.
func (r *run) cut() int64 {
	from := r.warmed(r.collect.start)
	eventful := r.cfg.eventful() // the event causes the change, so it is not warm-up
	if r.cfg.Auto && !r.cfg.silentRun() && !eventful && !r.result.Interrupted {
		deliveries, latency := r.seriesUntil(r.end)
		for _, series := range [][]float64{deliveries, latency} {
			if at, ok := stats.MSER5(series); ok {
				from = max(from, r.collect.start+int64(at))
			}
		}
	}
	if from >= r.end {
		from = r.collect.start // the run was interrupted during its warm-up
	}
	if r.cfg.Scenario != Connect {
		r.result.Plan.Warmup = time.Duration((from - r.collect.start) * agent.TickEvery)
		r.result.Plan.Duration = time.Duration((r.end - from) * agent.TickEvery)
	}
	return from
}

// prove adds up the findings of the agents and compares the orders in which they received the messages.
func (r *run) prove() {
	d := &r.result.Delivery
	var count agent.Tally
	var reported uint64
	var needed result.History
	orders := map[int]agent.Order{}
	for i := range r.reports {
		p, f := &r.reports[i], &r.reports[i].Findings
		count.Add(p.Tick.Count)
		d.Expected += f.Expected
		d.OwnLost += f.OwnLost
		reported += f.Reported
		needed.Cover(f.Needed)
		d.Faults.Add(f.Faults)
		r.result.Sent.Died += f.Died
		for why, n := range p.Closes {
			d.Closes[why] += n
		}
		for _, s := range f.Samples {
			if len(d.Samples) < 20 {
				d.Samples = append(d.Samples, s)
			}
		}
		for room, o := range f.Orders {
			if (o == agent.Order{}) {
				continue
			}
			if other, ok := orders[room]; ok && other.Length == o.Length && other.Digest != o.Digest {
				d.Reordered++
				d.Samples = append(d.Samples, result.Fault{Kind: "reordered", Connection: -1, Room: room, Publisher: -1, Sequence: -1})
			}
			orders[room] = o
		}
	}
	d.Got, d.Foreign, d.Pings, d.Closed, d.BadFrame = count.Deliveries, count.Foreign, count.Pings, count.Closed, count.BadFrames
	if r.cfg.Compress {
		co := &result.Compression{
			Connections: count.Deflating, Messages: count.Texts, Compressed: count.Compressed, Text: count.Text, Payload: count.Payload,
		}
		for i := range r.reports {
			co.Windows += r.reports[i].Windows
		}
		r.result.Compression = co
	}
	if r.cfg.Resume {
		r.result.Resume = &result.Resume{Clients: count.Resumed, Recovered: count.Recovered, Missed: count.Missed, Reported: reported, Needed: needed}
	}
	r.result.Connect.Left = count.Left
	r.result.Connect.Joined = count.Opened - r.result.Connect.Opened
}

// sent fills in how much of the schedule was sent in the measured part.
func (r *run) sent(from int64) {
	a, b, s := r.collect.at(from), r.collect.at(r.end), &r.result.Sent
	s.Messages = r.collect.at(r.collect.next()).sent.Messages
	s.Unsendable = r.collect.at(r.collect.next()).sent.Unsendable
	took := r.took(from)
	if took <= 0 || r.cfg.Scenario == Connect {
		return
	}
	s.Achieved = float64(b.sent.Messages-a.sent.Messages) / took.Seconds()
	if s.Offered = float64(r.cfg.Rate); r.cfg.Closed > 0 {
		s.Offered = 0
	}
	if r.cfg.Poisson {
		// A random schedule has no offered rate to compare with: the number of messages due varies.
		s.Offered = 0
	}
	s.Lag = r.distribution(&r.collect.between(from, r.end).lag)
}

func (r *run) took(from int64) time.Duration { return time.Duration((r.end - from) * agent.TickEvery) }

// latency fills in the latencies of the deliveries from the start of the measured part until the end of the drain.
func (r *run) latency(from int64) {
	h, l := r.collect.between(from, r.collect.next()), &r.result.Latency
	l.Each, l.Sent, l.Ping = r.distribution(&h.each), r.distribution(&h.late), r.distribution(&h.ping)
	spread := r.collect.spread(from * agent.TickEvery)
	l.First, l.Last, l.Span = r.distribution(&spread.first), r.distribution(&spread.last), r.distribution(&spread.span)
}

// costs fills in what the server and the agents used in the measured part.
func (r *run) costs(from int64) {
	a, b := r.collect.at(from), r.collect.at(r.end)
	took := r.took(from).Seconds()
	if took <= 0 {
		took = 1
	}
	deliveries := float64(b.count.Deliveries - a.count.Deliveries)
	c, s := &r.result.Client, &r.result.Server
	r.result.Delivery.PerS = deliveries / took
	c.CPU, c.GCPause, c.Reads = b.cpu-a.cpu, b.gc-a.gc, b.count.Reads-a.count.Reads
	c.Cores = c.CPU.Seconds() / took
	c.LoopLag = r.distribution(&r.collect.between(from, r.end).loopLag)
	cpu1, ok1 := r.watch.at(from)
	cpu2, ok2 := r.watch.at(r.end)
	if ok1 && ok2 {
		s.CPU = cpu2 - cpu1
		s.Cores = s.CPU.Seconds() / took
	}
	if deliveries > 0 {
		c.PerDelivery = float64(c.CPU) / deliveries
		s.PerDelivery = float64(s.CPU) / deliveries
	}
	estimateMemory(s, r.result.Connect.Opened, r.cfg.silentRun())
	var grown int64
	for i, m := range r.fleet.members {
		cores := (b.each[i] - a.each[i]).Seconds() / took
		of := float64(min(m.ready.Cores, m.ready.Pollers))
		c.Busiest = max(c.Busiest, cores/of)
		c.Throttled = max(c.Throttled, b.held[i]-a.held[i])
		grown += r.connected[i].PSS - m.ready.PSS
		r.result.Agents = append(r.result.Agents, result.Agent{
			Name: m.name, PID: m.ready.PID, Connections: r.connected[i].Opened, Cores: cores, Of: of, PSS: r.reports[i].PSS,
			ClockError: int64(m.off),
		})
		r.result.Plan.Sources = max(r.result.Plan.Sources, m.ready.Sources)
	}
	c.PerConn = float64(grown) / float64(r.result.Connect.Opened)
	c.Others = r.others()
}

// storm fills in how the killed connections returned, and the latency of the others before and during that time.
func (r *run) storm() {
	s := &result.Storm{By: r.cfg.By}
	all := r.collect.at(r.collect.next())
	s.Killed, s.Back, s.Refused = all.killed, all.back, all.refused
	var back histogram.Histogram
	for i := range r.reports {
		back.Merge(&r.reports[i].Back)
	}
	reached := func(share float64) time.Duration {
		if float64(s.Back) < share*float64(s.Killed) || s.Killed == 0 {
			return 0
		}
		return time.Duration(back.Quantile(share * float64(s.Killed) / float64(s.Back)))
	}
	if r.cfg.Node > 0 {
		r.goodbyes(s)
	}
	s.Back50, s.Back99, s.Back100 = reached(0.5), reached(0.99), reached(1)
	over := r.event + 1
	for _, row := range r.collect.rows {
		if row.n > r.event {
			if over = row.n; row.killed > 0 && row.back == row.killed {
				break
			}
		}
	}
	if last := time.Duration(back.Max()); last > 0 {
		s.PerS = float64(s.Back) / last.Seconds()
	}
	s.Before = r.distribution(&r.collect.between(r.warmed(r.collect.start), r.event).each)
	s.Untouched = r.distribution(&r.collect.between(r.event, over).each)
	r.result.Storm = s
}

// slow fills in what the server did with the connections that stopped reading, and the latency of the others.
func (r *run) slow() {
	s := &result.Slow{Closes: map[string]int{}}
	var cut histogram.Histogram
	for i := range r.reports {
		p := &r.reports[i]
		s.Stopped += p.Stopped
		s.Cut += p.Tick.Count.Cut
		cut.Merge(&p.Cut)
		for why, n := range p.Cuts {
			s.Closes[why] += n
		}
	}
	s.CutAfter = r.distribution(&cut)
	s.Before = r.distribution(&r.collect.between(r.warmed(r.collect.start), r.event).each)
	s.Healthy = r.distribution(&r.collect.between(r.event, r.end).each)
	r.watch.mu.Lock()
	s.Grown = r.watch.grown - r.result.Server.PSSConnected
	r.watch.mu.Unlock()
	r.result.Slow = s
}
