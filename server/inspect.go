package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// What operators see of the connections.

// connStats is what one connection shows.
type connStats struct {
	id              uint64
	address         string
	rooms           []string
	since, lastSeen time.Time
	received, sent  connTraffic
	unsent          int    // bytes
	closing         string // the reason, once it is
}

type connTraffic struct{ messages, bytes uint64 }

// stats is called on c's shard.
func (c *conn) stats() connStats {
	clock := c.shard.engine.clock
	s := connStats{
		id:      c.id,
		address: c.address(),
		rooms:   c.joinedRooms(),
		since:   clock.wall(c.since),
		// A newcomer that has said nothing counts as heard at a moment before it came.
		lastSeen: clock.wall(max(c.since, wheel.Tick(c.seen.Load()))),
		received: connTraffic{c.receivedMessages.Load(), c.receivedBytes.Load()},
		sent:     connTraffic{c.sentMessages, c.sentBytes},
	}
	if c.out != nil {
		s.unsent = c.out.bytes
	}
	if reason := closeReason(c.reason.Load()); reason != stillOpen {
		s.closing = reason.String()
	}
	return s
}

// page calls see for connections whose id is above after, of all or, where room is not empty, of those in a room: on each shard for the
// lowest most ids, in ascending order. The calls are made on the shards, one at a time. Not to be called on the loop or on a shard.
func (e *engine) page(after uint64, most int, room string, see func(*conn)) {
	var found []*conn
	e.call(func(s *shard) {
		found = found[:0]
		for _, c := range s.conns {
			if c.id > after && (room == "" || slices.Contains(c.joinedRooms(), room)) {
				found = append(found, c)
			}
		}
		slices.SortFunc(found, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
		for _, c := range found[:min(len(found), most)] {
			see(c)
		}
	})
}

// kick ends a connection by the operator's wish; false where there is none with that id. Not to be called on the loop or on a shard.
func (e *engine) kick(id uint64) (found bool) {
	e.call(func(s *shard) {
		if i := slices.IndexFunc(s.conns, func(c *conn) bool { return c.id == id }); i >= 0 {
			found = true
			s.conns[i].end(closedByAdmin, "closed by the operator")
		}
	})
	return found
}

// shardCounts are sums over the shards.
type shardCounts struct {
	deliveries, sentBytes, writes uint64
	unsent                        int64 // bytes that wait now
}

func (e *engine) counts() (n shardCounts) {
	for _, s := range e.shards {
		n.deliveries += s.deliveries.Load()
		n.sentBytes += s.sentBytes.Load()
		n.writes += s.writes.Load()
		n.unsent += s.unsent.Load()
	}
	return n
}
