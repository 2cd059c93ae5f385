package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// What was used to connect is not what was used to send, also where nothing is cut off as warm-up.
func TestTheBeginningIsWhereCountingBegins(t *testing.T) {
	c := newCollector(2)
	tell := func(from int, n int64, cpu, held time.Duration, deliveries uint64) {
		c.take(from, &agent.Tick{N: n, CPU: cpu, Held: held, Count: agent.Tally{Opened: 10, Deliveries: deliveries}})
	}
	tell(0, 8, 900*time.Millisecond, time.Second, 0)
	tell(1, 8, 300*time.Millisecond, 5*time.Second, 0)
	c.begin(10)
	tell(0, 9, time.Second, time.Second, 0)
	tell(1, 10, 400*time.Millisecond, 6*time.Second, 0) // the ninth was skipped
	tell(0, 10, 1100*time.Millisecond, 2*time.Second, 0)
	tell(0, 11, 1150*time.Millisecond, 2*time.Second, 50)
	tell(1, 11, 420*time.Millisecond, 6200*time.Millisecond, 70)
	if len(c.rows) != 1 {
		t.Fatalf("got %d rows, want 1", len(c.rows))
	}
	a, b := c.at(10), c.at(11)
	if got := b.cpu - a.cpu; got != 70*time.Millisecond {
		t.Errorf("got %v of processor time, want 70ms", got)
	}
	if b.each[0]-a.each[0] != 50*time.Millisecond || b.each[1]-a.each[1] != 20*time.Millisecond {
		t.Errorf("by agent: got %v to %v", a.each, b.each)
	}
	if b.held[0]-a.held[0] != 0 || b.held[1]-a.held[1] != 200*time.Millisecond {
		t.Errorf("held up: got %v to %v", a.held, b.held)
	}
	if a.n != 10 || b.count.Deliveries-a.count.Deliveries != 120 || connections(b.count) != 20 {
		t.Errorf("got %+v to %+v", a.count, b.count)
	}
}

func TestStallsAreToldByTheTick(t *testing.T) {
	const second = ticksASecond
	for _, tt := range []struct {
		name    string
		quiet   [][2]int64 // ticks without a delivery: after the first, up to and with the second
		nothing [2]int64   // nothing is sent either
		want    []result.Stall
	}{
		{name: "none"},
		{name: "one too short", quiet: [][2]int64{{8, 8 + second - 1}}},
		{name: "one of a second", quiet: [][2]int64{{8, 8 + second}}, want: []result.Stall{{At: 2, Took: time.Second}}},
		{name: "one of two seconds, and one at the end", quiet: [][2]int64{{4, 4 + 2*second}, {30, 40}},
			want: []result.Stall{{At: 1, Took: 2 * time.Second}, {At: 7.5, Took: 2500 * time.Millisecond}}},
		{name: "one in which nothing was sent", quiet: [][2]int64{{8, 8 + 2*second}}, nothing: [2]int64{8, 8 + 2*second}},
	} {
		c := newCollector(1)
		c.begin(100)
		var sent, heard uint64
		for n := int64(0); n <= 40; n++ {
			if n <= tt.nothing[0] || n > tt.nothing[1] {
				sent++
			}
			if !slices.ContainsFunc(tt.quiet, func(q [2]int64) bool { return n > q[0] && n <= q[1] }) {
				heard += 5
			}
			c.take(0, &agent.Tick{N: 100 + n, Count: agent.Tally{Deliveries: heard}, Sent: agent.Sent{Messages: sent}})
		}
		if got := c.stalls(140); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
