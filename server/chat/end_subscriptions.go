package chat

import (
	"context"
	"math"
	"slices"

	"github.com/throng-chat/throng/server/fanout"
)

const (
	membersAtOnce = 1024 // members that a shard lists in one job, or that end their subscriptions before the next ones do
	endPasses     = 8
)

// EndSubscriptions ends the subscriptions of all SDK clients to a room that is deleted and to its room for typing, and closes the plain clients of
// both, on all nodes. Clients that subscribe meanwhile may stay. It blocks until ctx ends: do not call it on a poller or a shard.
func (h *Hub) EndSubscriptions(ctx context.Context, room string) *Rejection {
	for _, name := range [...]string{room, TypingRoom(room)} {
		if e := h.Execute(ctx, TargetedCommand{Command: Unsubscribe{Room: name, Cause: EndedByDeletion}}); e != nil {
			return e
		}
	}
	return nil
}

// endsAll reports whether a command ends all subscriptions to a room.
func (cmd *TargetedCommand) endsAll() (room string, is bool) {
	un, is := cmd.Command.(Unsubscribe)
	return un.Room, is && cmd.User == "" && cmd.Client == "" && un.Cause == EndedByDeletion
}

// endSubscriptions is EndSubscriptions for the connections of this node.
func (h *Hub) endSubscriptions(ctx context.Context, room string) *Rejection {
	for range endPasses { // a client may move to another topic while the members are listed
		clients, e := h.closePlainMembers(ctx, room)
		if e != nil || len(clients) == 0 {
			return e
		}
		for part := range slices.Chunk(clients, membersAtOnce) {
			if e := executeAll(ctx, part, Unsubscribe{Room: room, Cause: EndedByDeletion}); e != nil {
				return e
			}
		}
	}
	return nil
}

// closePlainMembers closes the plain clients of a room, and returns its SDK clients.
func (h *Hub) closePlainMembers(ctx context.Context, room string) ([]userClient, *Rejection) {
	var clients []userClient // owned by the shard of a job, until it has sent to listed
	r, unlock := h.Rooms.Find(room)
	var topics []*fanout.Topic
	if r != nil {
		topics = slices.Clone(r.Topics)
	}
	unlock()
	listed := make(chan struct{}, 1)
	for _, t := range topics {
		for end := math.MaxInt; end > 0; {
			t.Shard.Post(fanout.Job{Do: fanout.CallBack, Call: func() {
				end = t.MembersBefore(end, membersAtOnce, func(m *fanout.Member) {
					if c, is := m.Conn.Handler.(userClient); is {
						clients = append(clients, c)
					} else {
						m.Conn.End(fanout.ClosedByApplication, "room deleted")
					}
				})
				listed <- struct{}{}
			}})
			select {
			case <-listed:
			case <-ctx.Done():
				return nil, rejectTimeout
			}
		}
	}
	return clients, nil
}
