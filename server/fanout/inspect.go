package fanout

import (
	"cmp"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// What operators see of the connections.

// Stats is the state of one connection, for display.
type Stats struct {
	ID              uint64
	Address         string
	Rooms           []string
	Since, LastSeen time.Time
	Received, Sent  Traffic
	Unsent          int    // bytes
	Closing         string // the reason of a close that is not finished; empty for none
}

// Traffic is what a connection has sent or received.
type Traffic struct{ Messages, Bytes uint64 }

// Stats returns the state of c. Called on its shard.
func (c *Conn) Stats() Stats {
	clock := c.Shard.Core.Clock
	s := Stats{
		ID:      c.ID,
		Address: c.Address(),
		Rooms:   c.audienceNames(),
		Since:   clock.wall(c.Since),
		// seen of a new connection is before Since.
		LastSeen: clock.wall(max(c.Since, wheel.Tick(c.seen.Load()))),
		Received: Traffic{c.ReceivedMessages.Load(), c.receivedBytes.Load()},
		Sent:     Traffic{c.SentMessages, c.sentBytes},
	}
	if c.Out != nil {
		s.Unsent = c.Out.Bytes
	}
	if reason := c.Reason(); reason != StillOpen {
		s.Closing = reason.String()
	}
	return s
}

// Page calls see for connections with an id above after, in ascending order, at most most of each shard. If room or user is not empty, only
// members of that room, or connections of that user, count. see is called on the shards, one at a time. Page must not be called on the loop or on
// a shard.
func (e *Engine) Page(after uint64, most int, room, user string, see func(*Conn)) {
	var found []*Conn
	e.Call(func(s *Shard) {
		found = found[:0]
		for _, c := range s.Conns {
			if c.ID > after && (room == "" || slices.Contains(c.audienceNames(), room)) && (user == "" || c.description().User == user) {
				found = append(found, c)
			}
		}
		slices.SortFunc(found, func(a, b *Conn) int { return cmp.Compare(a.ID, b.ID) })
		for _, c := range found[:min(len(found), most)] {
			see(c)
		}
	})
}

// Kick closes a connection for the operator. It returns false if there is no connection with that id. It must not be called on the loop or
// on a shard.
func (e *Engine) Kick(id uint64) (found bool) {
	e.Call(func(s *Shard) {
		if i := slices.IndexFunc(s.Conns, func(c *Conn) bool { return c.ID == id }); i >= 0 {
			found = true
			s.Conns[i].End(ClosedByAdmin, "closed by the operator")
		}
	})
	return found
}

// Counts are sums over the shards.
type Counts struct {
	Deliveries, SentBytes, Writes uint64
	Unsent                        int64 // bytes in outboxes now
}

// Counts returns the current sums. Any goroutine may call it.
func (e *Engine) Counts() (n Counts) {
	for _, s := range e.Shards {
		n.Deliveries += s.Deliveries.Load()
		n.SentBytes += s.sentBytes.Load()
		n.Writes += s.writes.Load()
		n.Unsent += s.unsent.Load()
	}
	return n
}

// LastCloses returns the connections that were closed last, the last one first. Any goroutine may call it.
func (e *Engine) LastCloses() []Closed { return e.closes.list() }

// Survey returns the last survey of each shard, merged, and asks the shards for the next one. It does not block, also if a shard does. late is the
// time for which a shard has not answered; 0 if all have.
func (e *Engine) Survey(now time.Time) (all Survey, late time.Duration) {
	for _, s := range e.Shards {
		if last := s.surveyor.last.Load(); last != nil {
			all.Slow += last.Slow
			all.HalfFull += last.HalfFull
			all.Deepest = append(all.Deepest, last.Deepest...)
		}
		if !s.surveyor.asked.CompareAndSwap(0, now.UnixNano()) {
			if asked := s.surveyor.asked.Load(); asked != 0 { // it may have answered in between
				late = max(late, now.Sub(time.Unix(0, asked)))
			}
			continue
		}
		s.Post(Job{Do: CallBack, Call: func() {
			s.surveyor.last.Store(s.survey())
			s.surveyor.asked.Store(0)
		}})
	}
	all.Deepest = deepest(all.Deepest)
	return all, late
}

// survey returns the survey of the shard's connections. Called on the shard.
func (s *Shard) survey() *Survey {
	half, now := s.Core.Limits().MaxUnsent/2, s.Core.Clock.Tick()
	deepest := make([]*Conn, 0, queuesSurveyed+1) // not all are sorted: there may be thousands
	found := &Survey{}
	for _, c := range s.SlowConsumers {
		if c.Out == nil || c.Out.Bytes == 0 {
			continue
		}
		found.Slow++
		if c.Out.ownWaiting() > half {
			found.HalfFull++
		}
		at, _ := slices.BinarySearchFunc(deepest, c, func(a, b *Conn) int { return cmp.Compare(b.Out.Bytes, a.Out.Bytes) })
		if at < queuesSurveyed {
			deepest = slices.Insert(deepest, at, c)
			deepest = deepest[:min(len(deepest), queuesSurveyed)]
		}
	}
	for _, c := range deepest {
		q := Queue{c.description(), c.ID, c.Address(), c.Out.Bytes, 0}
		if since := c.Stalled.Load(); since != 0 {
			q.Stalled = time.Duration(uint32(now)-since) * TickLength
		}
		found.Deepest = append(found.Deepest, q)
	}
	return found
}

// Unanswered returns the time for which a poller has not answered its probe; 0 if all have. Any goroutine may call it.
func (e *Engine) Unanswered(now time.Time) time.Duration { return e.Pollers.unanswered(now) }
