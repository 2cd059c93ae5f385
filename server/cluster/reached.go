package cluster

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// reachedHere returns what this node has applied.
func (n *Node) reachedHere() *reached {
	r := &reached{Sanctions: n.hub.Sanctions.Applied(), Logs: map[int]uint64{}}
	for _, lg := range n.logs.all() {
		r.Logs[lg.shard] = lg.applied()
	}
	return r
}

// applied returns the number of the last record of a log that this node has applied.
func (lg *nodeLog) applied() uint64 {
	if lg.log.Owns() {
		return max(lg.log.Applied(), lg.fence.Load())
	}
	return lg.log.Applied()
}

// reachedPoll is the time between two looks at a log: records arrive in milliseconds.
const reachedPoll = 2 * time.Millisecond

// awaitReached waits until this node has applied so much. It returns false if ctx ends first.
func (n *Node) awaitReached(ctx context.Context, r *reached) bool {
	if r == nil {
		return true
	}
	if n.hub.Sanctions.Await(ctx, r.Sanctions) != nil {
		return false
	}
	for _, lg := range n.logs.all() {
		for lg.applied() < r.Logs[lg.shard] {
			select {
			case <-ctx.Done():
				return false
			case <-time.After(reachedPoll):
			}
		}
	}
	return true
}

// settleVersion is the first version of the messages that has a command which only settles.
const settleVersion = 3

// Settle implements chat.Others.
func (n *Node) Settle(ctx context.Context) *chat.Rejection {
	return n.survey(ctx, settleVersion, func(number uint64) []byte {
		b := jsonMessage(kindCommand, command{Number: number, Settle: true, Reached: n.reachedHere()})
		b[0] = settleVersion
		return b
	})
}
