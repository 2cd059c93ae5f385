package fanout

import (
	"context"
	"time"
)

// Spread is the pace of goodbyes: the clients that are closed reconnect to other servers, and those have to keep up.
const (
	SpreadTick = 20 * time.Millisecond // between two parts
	// spreadEach is the time for each client, if they are few: then a spread takes less time than it may.
	spreadEach = 100 * time.Millisecond
)

// SpreadParts returns the number of parts, one for each SpreadTick, in which conns connections are closed within a time.
func SpreadParts(conns int, within time.Duration) int {
	return max(1, int(min(within, time.Duration(conns)*spreadEach)/SpreadTick))
}

// CloseSpread closes the connections that are open now for a reason, because of the text: the same number at each tick, in a number of parts. The
// connections are those of all shards together. It blocks until the last part, the end of ctx, or until no connection is left. A late tick does not
// make the next part larger. Call it neither on the loop nor on a shard.
func (e *Engine) CloseSpread(ctx context.Context, ticks <-chan time.Time, parts int, reason Reason, text string) {
	var conns []*Conn
	e.Call(func(s *Shard) { conns = append(conns, s.Conns...) })
	for part := 1; part <= parts && e.Live.Load() > 0; part++ {
		for _, c := range conns[len(conns)*(part-1)/parts : len(conns)*part/parts] {
			c.End(reason, text)
		}
		if part == parts {
			return
		}
		select {
		case <-ticks:
		case <-ctx.Done():
			return
		}
	}
}
