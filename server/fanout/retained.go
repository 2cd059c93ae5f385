package fanout

import (
	"sync/atomic"
	"unsafe"
)

// Accounting of the bytes that slow consumers make the server retain. Published bytes are shared: they count once for each topic, however many
// members wait for them.

// topicRetained is the number of bytes that the slow members of a topic make it retain. They count for its audience and its shard, too.
// Written by the shard, read by any goroutine.
type topicRetained struct {
	topic    atomic.Int64
	audience *atomic.Int64
	shard    *shardRetained
}

func (sh *topicRetained) add(n int) {
	sh.topic.Add(int64(n))
	sh.audience.Add(int64(n))
	sh.shard.add(n)
}

// shardRetained is the number of bytes that the outboxes of a shard retain. They count for all shards, too. Written by the shard, read by
// any goroutine.
type shardRetained struct {
	shard atomic.Int64
	all   *atomic.Int64
}

func (b *shardRetained) add(n int) {
	b.shard.Add(int64(n))
	b.all.Add(int64(n))
}

// retained is bytes of a batch that slow members wait for. They count from the first slice of them in an outbox until the last is removed.
// Owned by the shard.
type retained struct {
	of      *topicRetained
	Bytes   []byte
	from    int // offset in the batch
	holders int // slices of outboxes
}

// retainedCost is the number of bytes that a retained costs without the bytes that it points to.
const retainedCost = int(unsafe.Sizeof(retained{}))

func (r *retained) hold() {
	if r.holders++; r.holders == 1 {
		r.of.add(cap(r.Bytes) + retainedCost)
	}
}

func (r *retained) release() {
	if r.holders--; r.holders == 0 {
		r.of.add(-cap(r.Bytes) - retainedCost)
	}
}

// ExactClone returns a copy with no more capacity than it needs.
func ExactClone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
