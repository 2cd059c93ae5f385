package chat

import (
	"strings"
	"sync/atomic"

	"github.com/throng-chat/throng/server/record"
)

// Snapshots of the messages of durable chat rooms in the log (talk_carry.go).

const snapshotPrefix = "f/"

const (
	snapshotOverhead = 64       // of a snapshot in a record beyond its bytes: an estimate
	maxSnapshots     = 64 << 10 // bytes of snapshots in one proposal, about: more only if one has more
)

// isSnapshot reports whether an entry is the snapshot of a message.
func isSnapshot(e *record.Entry) bool {
	return e.Kind == record.Value && strings.HasPrefix(e.Key, snapshotPrefix)
}

// snapshotBudget bounds the bytes of the snapshots in the log. Over it, rooms above their share lose their oldest messages. So the snapshots have
// twice the budget at most. Any goroutine may use it.
type snapshotBudget struct {
	most  int64 // constant after the start
	bytes atomic.Int64
	rooms atomic.Int64 // with snapshots

	proposed atomic.Bool // this process has proposed a snapshot, so the replay of its start has ended
}

// exceeds reports whether a room must not store n bytes more.
func (sb *snapshotBudget) exceeds(ta *talkRoom, n int) bool {
	return sb.bytes.Load()+int64(n) > sb.most && ta.stored+int64(n) > sb.most/max(sb.rooms.Load(), 1)
}

// count adds bytes of snapshots of a room; a negative number subtracts. The lock of the room is held.
func (sb *snapshotBudget) count(ta *talkRoom, n int64) {
	if n == 0 {
		return
	}
	had := ta.stored > 0
	ta.stored += n
	sb.bytes.Add(n)
	if has := ta.stored > 0; has != had && has {
		sb.rooms.Add(1)
	} else if has != had {
		sb.rooms.Add(-1)
	}
}

// snapshot is the snapshot of one message in a proposal.
type snapshot struct {
	offset uint64
	bytes  uint32
}
