package chat

import (
	"container/list"

	"github.com/throng-chat/throng/server/limiter"
)

// The rate of joins and leaves.
const (
	JoinLeaveRate = 50  // events a second of one room
	joinLeaveUnit = 256 // bytes; an event that is larger counts as several
)

// joinLeave is what a room's members are not yet sent of joins and leaves. Guarded by Stripe.Mu of the room.
type joinLeave struct {
	meter    limiter.Meter
	Pending  list.List // of *presenceEvent, the oldest first; one of each client at most
	byClient map[string]*list.Element
	filed    bool // in stripe.unannounced
}

type presenceEvent struct {
	info   *ClientInfo
	joined bool
	told   *ClientInfo // as whom members know the client while this waits; nil where they do not
}

func (e *presenceEvent) size() int { return e.info.Size() + messageOverhead }

// units are what an event takes of the rate: no more than the burst, so that each can be sent at some time.
func (e *presenceEvent) units() int {
	return min(1+e.size()/joinLeaveUnit, JoinLeaveRate*limiter.BurstSeconds)
}
