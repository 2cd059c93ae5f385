package fanout

import (
	"sync/atomic"
	"unsafe"
)

// What slow readers make the server retain. What a room published is shared: it is counted once for each part of the room, however many
// members wait for it.

// share is how many bytes the slow members of a topic make it retain. They count for its audience and its shard, too. Written by the
// topic's shard, read by others.
type share struct {
	topic    atomic.Int64
	audience *atomic.Int64
	shard    *bill
}

func (sh *share) add(n int) {
	sh.topic.Add(int64(n))
	sh.audience.Add(int64(n))
	sh.shard.add(n)
}

// bill is how many bytes the outboxes of a shard cost. They count for all shards, too. Written by the shard, read by others.
type bill struct {
	shard atomic.Int64
	all   *atomic.Int64
}

func (b *bill) add(n int) {
	b.shard.Add(int64(n))
	b.all.Add(int64(n))
}

// retained is bytes of a part's batch that slow members wait for: counted from the first that keeps a slice of them until the last
// has let go. Owned by the shard.
type retained struct {
	of      *share
	Bytes   []byte
	from    int // where in the batch they begin
	holders int
}

// retainedCost is how many bytes a retained costs beyond its bytes.
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

// Cloned is a copy with no more capacity than it needs.
func Cloned(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
