package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// The CPU time of connecting does not count as CPU time of sending, also without a warm-up.
func TestConnectingIsNotMeasured(t *testing.T) {
	c := newCollector(2)
	tick := func(from int, t agent.Tick) {
		t.Count.Opened = 10
		c.take(from, &t)
	}
	tick(0, agent.Tick{N: 8, CPU: 900 * time.Millisecond, Held: time.Second})
	tick(1, agent.Tick{N: 8, CPU: 300 * time.Millisecond, Held: 5 * time.Second})
	c.begin(10)
	tick(0, agent.Tick{N: 9, CPU: time.Second, Held: time.Second})
	tick(1, agent.Tick{N: 10, CPU: 400 * time.Millisecond, Held: 6 * time.Second}) // it skipped the ninth
	tick(0, agent.Tick{N: 10, CPU: 1100 * time.Millisecond, Held: 2 * time.Second})
	tick(0, agent.Tick{N: 11, CPU: 1150 * time.Millisecond, Held: 2 * time.Second, Count: agent.Tally{Deliveries: 50}})
	tick(1, agent.Tick{N: 11, CPU: 420 * time.Millisecond, Held: 6200 * time.Millisecond, Count: agent.Tally{Deliveries: 70}})
	if len(c.rows) != 1 {
		t.Fatalf("got %d rows, want 1", len(c.rows))
	}
	a, b := c.at(10), c.at(11)
	if got := b.cpu - a.cpu; got != 70*time.Millisecond {
		t.Errorf("got %v of CPU time, want 70ms", got)
	}
	if b.each[0]-a.each[0] != 50*time.Millisecond || b.each[1]-a.each[1] != 20*time.Millisecond {
		t.Errorf("by agent: got %v to %v", a.each, b.each)
	}
	if b.held[0]-a.held[0] != 0 || b.held[1]-a.held[1] != 200*time.Millisecond {
		t.Errorf("stopped by quotas: got %v to %v", a.held, b.held)
	}
	if a.n != 10 || b.count.Deliveries-a.count.Deliveries != 120 || connections(b.count) != 20 {
		t.Errorf("got %+v to %+v", a.count, b.count)
	}
}

func TestStallsAreReportedToTheTick(t *testing.T) {
	const second = ticksASecond
	for _, tt := range []struct {
		name    string
		quiet   [][2]int64 // ticks without a delivery: after the first, up to and including the second
		nothing [2]int64   // ticks without sent messages
		want    []result.Stall
	}{
		{name: "none"},
		{name: "too short", quiet: [][2]int64{{8, 8 + second - 1}}},
		{name: "one second", quiet: [][2]int64{{8, 8 + second}}, want: []result.Stall{{At: 2, Took: time.Second}}},
		{name: "two seconds, and another at the end", quiet: [][2]int64{{4, 4 + 2*second}, {30, 40}},
			want: []result.Stall{{At: 1, Took: 2 * time.Second}, {At: 7.5, Took: 2500 * time.Millisecond}}},
		{name: "nothing was sent", quiet: [][2]int64{{8, 8 + 2*second}}, nothing: [2]int64{8, 8 + 2*second}},
	} {
		c := newCollector(1)
		c.begin(100)
		var sent, received uint64
		for n := int64(0); n <= 40; n++ {
			if n <= tt.nothing[0] || n > tt.nothing[1] {
				sent++
			}
			if !slices.ContainsFunc(tt.quiet, func(q [2]int64) bool { return n > q[0] && n <= q[1] }) {
				received += 5
			}
			c.take(0, &agent.Tick{N: 100 + n, Count: agent.Tally{Deliveries: received}, Sent: agent.Sent{Messages: sent}})
		}
		if got := c.stalls(140); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
