package chat

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
)

// The records that a trim appends do not make the next trim due: else it would write without end.
func TestATrimIsNotTheCauseOfTheNext(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	for n := range 2000 {
		proposeText(h, fmt.Sprint("d", n), "1", PublishOptions{})
	}
	fake.Settle()
	h.Clock.Ticks.Add(uint32(roomTicks + 2))
	h.ExpireRooms(h.Clock.Tick()) // the log keeps a position of each room
	trims := func() float64 { return testutil.ToFloat64(h.Metrics.Durable.Trims) }
	for n := 0; trims() == 0; n++ {
		publishDurably(t, fake, h, "d", fmt.Sprint(n))
		h.Clock.Ticks.Add(uint32(roomTicks + 2))
		h.ExpireRooms(h.Clock.Tick())
		for range 20 {
			fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
		}
		if h.Durable("").Due() || trims() > 2 {
			t.Fatalf("after publication %d: %v trims, and another one is due: %t", n, trims(), h.Durable("").Due())
		}
		if n > 5000 {
			t.Fatal("got no trim")
		}
	}
}
