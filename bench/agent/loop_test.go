package agent

import (
	"math"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

// A server sleeps 1 s in every 10 s, on the test's own clock. That delays a tenth of the messages, by up to 1 s, so the open loop's p99 is
// 0.9 s. A closed loop sends nothing while the server sleeps, so only one in thousands of its messages is delayed.
func TestAPauseShowsInTheOpenLoopOnly(t *testing.T) {
	const second, nap, every, trip = int64(1e9), int64(1e9), int64(10e9), int64(1e6)
	const start, end = 10 * every, 20 * every
	delivered := func(at int64) int64 {
		if in := at % every; in < nap {
			at += nap - in
		}
		return at + trip
	}
	publisher := func() (h *hall, send func(intended int64)) {
		h = newHall(t, 1, 1)
		seq := uint32(0)
		return h, func(intended int64) {
			b := append(make([]byte, StampSize), h.check.filler.of(0, 0)...)
			stamp{run: testRun, seq: seq, intended: intended}.put(b)
			h.sent(1)
			seq++
			h.poller.onBytes(h.conns[0], ws.AppendFrame(nil, ws.OpText, b), delivered(intended))
		}
	}
	about := func(got, want int64) bool { return math.Abs(float64(got-want)) < 0.02*float64(want) }

	open, send := publisher()
	schedule := &constant{start: start, end: end, rate: 500, publishers: 1, agents: 1}
	for at, _, ok := schedule.next(); ok; at, _, ok = schedule.next() {
		send(at)
		schedule.done()
	}
	if p99 := open.poller.each.Quantile(0.99); !about(p99, nap*9/10+trip) {
		t.Errorf("open loop: got a p99 of %d ns, want about 0.9 s", p99)
	}

	closed, send := publisher()
	at, back := start, false
	closed.poller.again = func(*conn) { back = true }
	for at < end {
		back = false
		if send(at); !back {
			t.Fatal("a message returned, and the next was not sent")
		}
		at = delivered(at)
	}
	if p99 := closed.poller.each.Quantile(0.99); !about(p99, trip) {
		t.Errorf("closed loop: got a p99 of %d ns, want the %d of a server that never sleeps", p99, trip)
	}
	if longest := closed.poller.each.Max(); !about(longest, nap+trip) {
		t.Errorf("closed loop: got a maximum of %d ns, want a sleep of %d", longest, nap)
	}
	for _, h := range []*hall{open, closed} {
		if faults, n := h.finish(); faults.Any() || n < uint64((end-start)/second*500) {
			t.Errorf("got %+v of %d", faults, n)
		}
	}
}
