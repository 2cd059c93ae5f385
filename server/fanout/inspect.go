package fanout

import (
	"cmp"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// What operators see of the connections.

// Stats is what one connection shows.
type Stats struct {
	Id              uint64
	Address         string
	Rooms           []string
	Since, LastSeen time.Time
	Received, Sent  Traffic
	Unsent          int    // bytes
	Closing         string // the reason, once it is
}

type Traffic struct{ Messages, Bytes uint64 }

// Stats is called on c's shard.
func (c *Conn) Stats() Stats {
	clock := c.Shard.Shared.Clock
	s := Stats{
		Id:      c.Id,
		Address: c.Address(),
		Rooms:   c.joinedRooms(),
		Since:   clock.wall(c.Since),
		// A newcomer that has said nothing counts as heard at a moment before it came.
		LastSeen: clock.wall(max(c.Since, wheel.Tick(c.Seen.Load()))),
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

// Page calls see for connections whose id is above after, of all or, where room is not empty, of those in a room: on each shard for the
// lowest most ids, in ascending order. The calls are made on the shards, one at a time. Not to be called on the loop or on a shard.
func (e *Engine) Page(after uint64, most int, room string, see func(*Conn)) {
	var found []*Conn
	e.Call(func(s *Shard) {
		found = found[:0]
		for _, c := range s.Conns {
			if c.Id > after && (room == "" || slices.Contains(c.joinedRooms(), room)) {
				found = append(found, c)
			}
		}
		slices.SortFunc(found, func(a, b *Conn) int { return cmp.Compare(a.Id, b.Id) })
		for _, c := range found[:min(len(found), most)] {
			see(c)
		}
	})
}

// Kick ends a connection by the operator's wish; false where there is none with that id. Not to be called on the loop or on a shard.
func (e *Engine) Kick(id uint64) (found bool) {
	e.Call(func(s *Shard) {
		if i := slices.IndexFunc(s.Conns, func(c *Conn) bool { return c.Id == id }); i >= 0 {
			found = true
			s.Conns[i].End(ClosedByAdmin, "closed by the operator")
		}
	})
	return found
}

// Counts are sums over the shards.
type Counts struct {
	Deliveries, SentBytes, Writes uint64
	Unsent                        int64 // bytes that wait now
}

func (e *Engine) Counts() (n Counts) {
	for _, s := range e.Shards {
		n.Deliveries += s.Deliveries.Load()
		n.SentBytes += s.sentBytes.Load()
		n.Writes += s.writes.Load()
		n.Unsent += s.unsent.Load()
	}
	return n
}
