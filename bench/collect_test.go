package bench

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
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
