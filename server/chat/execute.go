package chat

import (
	"context"
	"slices"

	"github.com/throng-chat/throng/server/fanout"
)

// Execute executes a command on all connections of all nodes that match it, waits for them, and returns their first rejection. A connection that waits
// for its connect webhook executes the command after the webhook has answered; Execute does not wait for it. Execute blocks until ctx ends:
// do not call it on a poller or a shard.
func (h *Hub) Execute(ctx context.Context, cmd TargetedCommand) *Rejection {
	if h.others == nil {
		return h.ExecuteHere(ctx, cmd)
	}
	here := make(chan *Rejection, 1)
	go func() { here <- h.ExecuteHere(ctx, cmd) }()
	there := h.others.Execute(ctx, cmd)
	if e := <-here; e != nil {
		return e
	}
	return there
}

// Settle waits until all nodes that are alive have applied what this node has applied, or until ctx ends: then the rejection names the others. It blocks as
// Execute.
func (h *Hub) Settle(ctx context.Context) *Rejection {
	if h.others == nil {
		return nil
	}
	return h.others.Settle(ctx)
}

// ExecuteHere is Execute for the connections of this node.
func (h *Hub) ExecuteHere(ctx context.Context, cmd TargetedCommand) *Rejection {
	// The command is stored before the search, so that a connection that is accepted meanwhile is found by one of the two, or both.
	clients := h.addCommand(cmd)
	if room, is := cmd.endsAll(); is {
		return h.endSubscriptions(ctx, room)
	}
	if cmd.User == "" {
		var e *Rejection
		if clients, e = h.clientByID(ctx, cmd.Client); e != nil {
			return e
		}
		clients = slices.DeleteFunc(clients, func(c userClient) bool { return !cmd.matches("", c.ClientID()) })
	}
	return executeAll(ctx, clients, cmd.Command)
}

// addCommand stores a command for connections that wait for their connect webhook, and returns the open connections of the user that match.
func (h *Hub) addCommand(cmd TargetedCommand) []userClient {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	h.PendingUserCommands.add(cmd)
	u := h.users[cmd.User]
	if u == nil || cmd.User == "" {
		return nil
	}
	var clients []userClient
	for _, c := range u.clients {
		if cmd.matches(u.name, c.ClientID()) {
			clients = append(clients, c)
		}
	}
	return clients
}

// clientByID asks all shards for the connection with an ID. The list is empty if there is none.
func (h *Hub) clientByID(ctx context.Context, id string) (clients []userClient, e *Rejection) {
	found := make(chan userClient, len(h.Shards))
	for _, sh := range h.Shards {
		sh.Post(fanout.Job{Do: fanout.CallBack, Call: func() {
			for _, c := range sh.Conns {
				if each, is := c.Handler.(userClient); is && each.ClientID() == id {
					found <- each
					return
				}
			}
			found <- nil
		}})
	}
	for range h.Shards {
		select {
		case c := <-found:
			if c != nil {
				clients = append(clients, c)
			}
		case <-ctx.Done():
			return nil, rejectTimeout
		}
	}
	return clients, nil
}

// executeAll sends a command to clients, waits for all, and returns the first rejection.
func executeAll(ctx context.Context, clients []userClient, command UserCommand) *Rejection {
	done := make(chan *Rejection, len(clients))
	for _, c := range clients {
		c.Execute(command, func(e *Rejection) { done <- e })
	}
	var first *Rejection
	for range clients {
		select {
		case e := <-done:
			if first == nil {
				first = e
			}
		case <-ctx.Done():
			return rejectTimeout
		}
	}
	return first
}

// BeginConnect counts a connection that waits for its connect webhook from now on. It returns the number of the first command that may
// match it: pass it to AddUser. Call EndConnect once.
func (h *Hub) BeginConnect() (since uint64) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return h.PendingUserCommands.begin()
}

// EvictedUserCommands returns the number of commands that were evicted because too many, or too many bytes, were stored.
func (h *Hub) EvictedUserCommands() uint64 {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return h.PendingUserCommands.evicted
}

// EndConnect ends the wait of a connection: the webhook has answered, or the connection is closed.
func (h *Hub) EndConnect() {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	h.PendingUserCommands.end()
}
