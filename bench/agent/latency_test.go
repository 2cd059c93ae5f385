package agent

import (
	"runtime"
	"testing"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/server/ws"
)

// lagging returns message n of a hall's first publisher, scheduled at 1000+n and sent lag nanoseconds later.
func (h *hall) lagging(n int, lag int64) []byte {
	b := append(make([]byte, StampSize), h.check.filler.of(0, 0)...)
	stamp{run: testRun, seq: uint32(n), lag: lag, intended: int64(1000 + n)}.put(b)
	return ws.AppendFrame(nil, ws.OpText, b)
}

// recorded reports whether h has exactly n values, all equal to value.
func recorded(h *histogram.Histogram, n uint64, value int64) bool {
	return h.Total() == n && (n == 0 || h.Max() == value && h.Quantile(0) > value*9/10)
}

// Latency counts from the scheduled time of a message, and separately from the send. This holds for the first receiver, which adds the
// message to the log, and for all others, which only compare. Neither includes connections that were killed.
func TestLatencyCountsFromTheScheduledTime(t *testing.T) {
	const lag, took = 700_000, 1_000_000
	for _, tt := range []struct {
		name    string
		members []int // members that receive the message, in turn
		touched int
		want    [3]uint64 // number from the scheduled time, from the send, and of killed connections
	}{
		{"the first member", []int{0}, -1, [3]uint64{1, 1, 0}},
		{"the others, too", []int{0, 1, 2}, -1, [3]uint64{3, 3, 0}},
		{"the first was killed", []int{0, 1, 2}, 0, [3]uint64{2, 2, 1}},
		{"another was killed", []int{0, 1, 2}, 1, [3]uint64{2, 2, 1}},
	} {
		h := newHall(t, 3, 1)
		h.sent(1)
		if tt.touched >= 0 {
			h.conns[tt.touched].touched = true
		}
		for _, m := range tt.members {
			h.poller.onBytes(h.conns[m], h.lagging(0, lag), 1000+lag+took)
		}
		p := h.poller
		if !recorded(&p.each, tt.want[0], lag+took) || !recorded(&p.sent, tt.want[1], took) || !recorded(&p.touched, tt.want[2], lag+took) {
			t.Errorf("%s: got %d deliveries, maximum %d ns from the scheduled time; %d, %d ns from the send; %d, %d ns of killed connections; want %v, %d and %d ns",
				tt.name, p.each.Total(), p.each.Max(), p.sent.Total(), p.sent.Max(), p.touched.Total(), p.touched.Max(), tt.want, lag+took, took)
		}
		if n := p.count.Deliveries; n != uint64(len(tt.members)) {
			t.Errorf("%s: got %d deliveries, want %d", tt.name, n, len(tt.members))
		}
	}
}

// The age of a duplicate, or of a recovered message, is not a latency.
func TestDuplicatesAndRecoveredMessagesHaveNoLatency(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(3)
	c := h.conns[0]
	for range 2 {
		h.poller.onBytes(c, h.lagging(0, 0), 5000)
	}
	if p := h.poller; p.each.Total() != 1 || p.count.Deliveries != 2 || p.count.Recovered != 0 {
		t.Errorf("a duplicate: got %d latencies, %+v", p.each.Total(), p.count)
	}
	b := append(make([]byte, StampSize), h.check.filler.of(0, 0)...)
	stamp{run: testRun, seq: 1, intended: 1001}.put(b)
	h.poller.receive(c, b, 5000, true)
	if p := h.poller; p.each.Total() != 1 || p.sent.Total() != 1 || p.count.Recovered != 1 || p.count.Deliveries != 3 {
		t.Errorf("a recovered message: got %d latencies, %d from the send, %+v", p.each.Total(), p.sent.Total(), p.count)
	}
}

// A closed loop sends the next message for each one that returns, whether its publisher or another member received it first.
func TestAClosedLoopContinuesForEachFirstReceiver(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(4)
	again := 0
	h.poller.again = func(c *conn) {
		if c != h.conns[0] {
			t.Error("a member that does not publish has a next message")
		}
		again++
	}
	h.receives(0, h.wire(0)) // its publisher is the first receiver
	h.receives(1, h.wire(0, 1))
	h.receives(0, h.wire(1)) // another member is
	if again != 2 {
		t.Errorf("got %d next messages after 2 returned", again)
	}
}

// A tick takes all that a poller has recorded, each histogram separately, and only once.
func TestATickReportsEachValueOnce(t *testing.T) {
	h := newHall(t, 1, 1)
	p := h.poller
	for i, from := range []*histogram.Histogram{&p.each, &p.sent, &p.touched, &p.ping, &p.loopLag} {
		from.Record(int64(i+1) * 1000)
	}
	p.count.Deliveries = 7
	r := &run{plan: &Plan{}, check: h.check, engine: &engine{pollers: []*poller{p}}}
	tick := r.tick(3)
	for i, of := range []*histogram.Histogram{tick.Each, tick.Late, tick.Touched, tick.Ping, tick.LoopLag} {
		if of == nil || !recorded(of, 1, int64(i+1)*1000) {
			t.Errorf("histogram %d: got %+v, want one value of %d", i, of, (i+1)*1000)
		}
	}
	if tick.N != 3 || tick.Count.Deliveries != 7 {
		t.Errorf("got %+v", tick)
	}
	if next := r.tick(4); next.Each != nil || next.Late != nil || next.Touched != nil || next.Ping != nil || next.LoopLag != nil || next.Count.Deliveries != 7 {
		t.Errorf("got %+v, want only the counts", next)
	}
}

// An agent sends a tick each quarter of a second, also while its connections open. Many agents on one machine must not spend their time with empty histograms:
// one has 36 KiB.
func TestATickWithoutValuesIsSmall(t *testing.T) {
	h := newHall(t, 1, 1)
	r := &run{plan: &Plan{}, check: h.check, engine: &engine{pollers: []*poller{h.poller}}}
	const ticks = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range int64(ticks) {
		r.tick(n)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / ticks; each > 16<<10 {
		t.Errorf("a tick without values allocates %d bytes, want 16 KiB at most", each)
	}
}
