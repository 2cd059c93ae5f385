package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// Subscription is a session's place in a room.
type Subscription struct {
	chat.Membership

	// Constant once it is in the room.
	serverSide bool
	byToken    bool // named by the connection's token: the next one may take it away

	// Owned by the poller.
	expires    expiry           // of its token
	credential *chat.Credential // of its token; nil where it has none of its own
}

// Entry is a subscription on its way into a room: what was asked for, and what came of it.
type Entry struct {
	chat.JoinRequest

	Wish       *protocol.SubscribeRequest
	serverSide bool
	withToken  bool
	byToken    bool
	ended      bool // the application has taken it out while it was asked about
	Info       *chat.ClientInfo
	data       []byte
	expires    expiry
	ttl        uint32

	sub    *Subscription
	Result *protocol.SubscribeResult // made by the shard
}

// Told is what the client is told of its subscription, but for what it missed.
func (en *Entry) Told() *protocol.SubscribeResult {
	return &protocol.SubscribeResult{
		Recoverable:   en.Recoverable,
		Positioned:    en.Positioned,
		Epoch:         en.At.Epoch,
		Offset:        en.At.Offset,
		WasRecovering: en.Recovers,
		Recovered:     en.Recovered,
		Delta:         en.WithDelta,
		Data:          en.data,
		Expires:       en.ttl != 0,
		Ttl:           en.ttl,
	}
}

// tellMissed puts the publications into the answer. Called on the shard, where there is time for it; budget is of nanoseconds for deltas.
func (en *Entry) tellMissed(budget *int) {
	var before *chat.Publication
	for i := range en.Missed {
		p := &en.Missed[i]
		if en.WithDelta {
			told := DeltaPublication(p, before, Encoding(en.DeltaFormat), budget)
			told.Time = p.UnixMilli
			en.Result.Publications = append(en.Result.Publications, told)
			before = p
		} else {
			en.Result.Publications = append(en.Result.Publications, PastPublication(p, Encoding(en.Format)))
		}
	}
	en.Missed = nil
}

// admission is the answer to a client that joins rooms. The shard makes it, behind everything that was published before.
type admission struct {
	Entries []*Entry
	answer  func() []*protocol.Reply // called on the shard if one of the entries has joined
}

// replies returns the answer. Called on the shard, once; budget is of nanoseconds for deltas.
func (a *admission) replies(budget *int) []*protocol.Reply {
	joined := false
	for _, e := range a.Entries {
		if e.Err == nil {
			joined = true
			e.Result = e.Told()
		}
	}
	if !joined {
		return nil
	}
	replies := a.answer()
	for _, e := range a.Entries {
		e.tellMissed(budget)
	}
	return replies
}
