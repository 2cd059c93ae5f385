package chat

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// After a takeover, a position of the generation before counts up to the fork: behind it are publications that the new owner may not have.
func TestAPositionBehindTheForkDoesNotCount(t *testing.T) {
	t.Parallel()
	du := &Durable{Home: home.New(home.Config{Shard: broker.MemoryShard}, nil)}
	now := StreamPosition{20, du.epoch(3)}
	f := fork{generation: 2, offset: 10}
	for _, c := range []struct {
		offset, generation uint64
		counts             bool
	}{
		{10, 2, true}, {0, 2, true}, {11, 2, false}, {20, 2, false}, {5, 1, false}, {20, 3, true},
	} {
		got := du.since(f, StreamPosition{c.offset, du.epoch(c.generation)}, now)
		if counts := got.Epoch == now.Epoch; counts != c.counts || got.Offset != c.offset {
			t.Errorf("offset %d of generation %d counts: %t, want %t", c.offset, c.generation, counts, c.counts)
		}
	}
	if got := du.since(fork{}, StreamPosition{0, du.epoch(0)}, now); got.Epoch == now.Epoch {
		t.Error("a position of the generation 0 counts without a fork")
	}
}

// A room without publications on this node has some on the node that becomes the owner: the positions of its members end, so they resubscribe.
func TestMembersResubscribeWhenTheirRoomIsAhead(t *testing.T) {
	t.Parallel()
	h := newDurableHub(t, brokertest.New(brokertest.Options{}), durableRooms("d"))
	h.Durable("").Live()
	stripe := h.Rooms.StripeOf("d")
	r := h.createLocked(stripe, h.RoomRef("d"))
	shard := h.Shards[0]
	r.Members, r.Topics = 1, []*fanout.Topic{{Audience: &r.Audience, Shard: shard, Members: 1}}
	generation := h.Durable("").positions.current()
	for i, c := range []struct {
		entry record.Entry
		ends  bool
	}{
		{record.Entry{Kind: record.Clear, Generation: generation + 1, Offset: 2, Notice: true}, true},
		{record.Entry{Kind: record.Publish, Generation: generation + 1, Offset: 3}, false},
		{record.Entry{Kind: record.Clear, Generation: generation + 2, Offset: 3, Notice: true}, false},
		{record.Entry{Kind: record.Publish, Generation: generation + 3, Offset: 7}, true},
	} {
		e := c.entry
		e.Room, e.Data, e.UnixMilli = "d", []byte("1"), time.Now().UnixMilli()
		shard.Inbox = nil
		committer{h, h.Durable("")}.Replay(&home.Record{Seq: uint64(10 + i)}, &e)
		ends := slices.ContainsFunc(shard.Inbox, func(j fanout.Job) bool { return j.Do == fanout.CallBack })
		if ends != c.ends {
			t.Errorf("entry %d ends positions: %t, want %t", i, ends, c.ends)
		}
	}
}
