package chat

import (
	"container/list"

	"github.com/throng-chat/throng/server/limiter"
)

// The rate limit of join and leave events.
const (
	JoinLeaveRate = 50  // events per second and room
	joinLeaveUnit = 256 // bytes; a larger event counts as several
)

// joinLeaveQueue is the queue of join and leave events of a room. Guarded by Stripe.Mu of the room.
type joinLeaveQueue struct {
	meter    limiter.Meter
	queue    list.List // of *presenceEvent, the oldest first; at most one per client
	byClient map[string]*list.Element
	listed   bool // in Stripe.withEvents
}

// presenceEvent is a join or a leave of a client.
type presenceEvent struct {
	info   *ClientInfo
	joined bool
	seen   *ClientInfo // the client as members see it while this event is queued; nil: they do not see it
}

// size estimates the bytes of the event as a message.
func (e *presenceEvent) size() int { return e.info.Size() + messageOverhead }

// units returns how much of the rate an event uses: at most the burst, so that each event can be sent.
func (e *presenceEvent) units() int {
	return min(1+e.size()/joinLeaveUnit, JoinLeaveRate*limiter.BurstSeconds)
}
