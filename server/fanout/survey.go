package fanout

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// queuesSurveyed is the number of the deepest outboxes in a Survey.
const queuesSurveyed = 10

// Queue is the outbox of a slow consumer.
type Queue struct {
	Description
	ID      uint64
	Address string
	Bytes   int
	Stalled time.Duration // since the last progress
}

// Survey is what the slow consumers have to receive.
type Survey struct {
	Slow     int     // slow consumers
	HalfFull int     // those that cost more than half of MaxUnsent alone
	Deepest  []Queue // the deepest first
}

// surveyor has the last survey of a shard. Any goroutine may use it.
type surveyor struct {
	last  atomic.Pointer[Survey]
	asked atomic.Int64 // Unix nanoseconds of a question that the shard has not answered; 0 for none
}

// deepest returns the deepest of some queues, the deepest first.
func deepest(queues []Queue) []Queue {
	slices.SortFunc(queues, func(a, b Queue) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return queues[:min(len(queues), queuesSurveyed)]
}
