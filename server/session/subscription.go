package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// Subscription is the membership of a session in a room.
type Subscription struct {
	chat.Membership

	// Constant after the join.
	serverSide bool
	byToken    bool // granted by the connection token: the next one may remove it

	personal bool // the personal room of the user
	delta    bool // receives deltas
	shares   bool // compressed with the context of the room (session/context.go); owned by the poller

	// Owned by the poller.
	expires expiry              // of its token
	tokenID *chat.TokenIdentity // of its subscription token; nil without one
}

// JoinAttempt is a join of a session: its options, and the result.
type JoinAttempt struct {
	chat.JoinRequest

	Requested  *protocol.SubscribeRequest
	serverSide bool
	withToken  bool
	byToken    bool
	ended      bool // the application ended it before the join
	Info       *chat.ClientInfo
	data       []byte
	expires    expiry
	ttl        uint32

	sub    *Subscription
	Result *protocol.SubscribeResult // made by the shard
}

// SubscribeResult returns the result for the client, without the recovered publications.
func (join *JoinAttempt) SubscribeResult() *protocol.SubscribeResult {
	return &protocol.SubscribeResult{
		Recoverable:   join.Recoverable,
		Positioned:    join.Positioned,
		Epoch:         join.Position.Epoch,
		Offset:        join.Position.Offset,
		WasRecovering: join.Recover,
		Recovered:     join.Recovered,
		Delta:         join.WithDelta,
		Data:          join.data,
		Expires:       join.ttl != 0,
		Ttl:           join.ttl,
	}
}

// addRecovered adds the recovered publications to the result. Called on the shard, because it may take long; budget is the time for deltas in
// nanoseconds.
func (join *JoinAttempt) addRecovered(budget *int) {
	var before *chat.Publication
	for i := range join.RecoveredPublications {
		p := &join.RecoveredPublications[i]
		if join.WithDelta {
			pub := deltaPublication(p, before, Encoding(join.DeltaFormat), budget)
			pub.Time = p.UnixMilli
			join.Result.Publications = append(join.Result.Publications, pub)
			before = p
		} else {
			join.Result.Publications = append(join.Result.Publications, TimedPublication(p, Encoding(join.Format)))
		}
	}
	join.RecoveredPublications = nil
}

// joinReply makes the replies to a client that joins rooms. The shard calls it, after everything that was published before the join.
type joinReply struct {
	Attempts []*JoinAttempt
	build    func() []*protocol.Reply // called on the shard if at least one join succeeded
}

// replies returns the replies. Called on the shard, once; budget is the time for deltas in nanoseconds.
func (a *joinReply) replies(budget *int) []*protocol.Reply {
	joined := false
	for _, e := range a.Attempts {
		if e.Err == nil {
			joined = true
			e.Result = e.SubscribeResult()
		}
	}
	if !joined {
		return nil
	}
	replies := a.build()
	for _, e := range a.Attempts {
		e.addRecovered(budget)
	}
	return replies
}
