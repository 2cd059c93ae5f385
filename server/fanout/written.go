package fanout

import "math/bits"

// ShardsLocked returns the shards with members, as bits. The owner's lock is held.
func (a *Audience) ShardsLocked() (shards uint64) {
	for _, t := range a.Topics {
		if t.Members > 0 {
			shards |= 1 << t.Shard.index
		}
	}
	return shards
}

// CallWhenWritten calls call on each of the shards, after the shard has written what was posted to it before, or has put it into outboxes. It
// returns the shards to wake. The caller may hold the lock of a room; call must not block.
func (co *Core) CallWhenWritten(shards uint64, call func(shard int)) (wake uint64) {
	for ; shards != 0; shards &= shards - 1 {
		s := co.Shards[bits.TrailingZeros64(shards)]
		// The first job runs before the writes of its flush. The second one is in the next flush.
		wake |= s.Push(Job{Do: CallBack, Call: func() {
			s.Post(Job{Do: CallBack, Call: func() { call(s.index) }})
		}})
	}
	return wake
}
