package server

import (
	"context"
	"slices"

	"github.com/throng-chat/throng/server/fanout"
)

// demand has what is demanded done by all connections that are meant: at once by those that are there, and by those that are being
// asked about when the answer has come. It waits for the former and returns their first rejection. Not to be called on the loop or on a
// shard.
func (h *hub) demand(ctx context.Context, what word) *rejection {
	// Kept before the connections are looked for: one that comes in meanwhile is met by one of both, or by both.
	clients := h.speak(what)
	if what.user == "" {
		var e *rejection
		if clients, e = h.clientByID(ctx, what.client); e != nil {
			return e
		}
		clients = slices.DeleteFunc(clients, func(c userClient) bool { return !what.meant("", c.clientID()) })
	}
	return execute(ctx, clients, what.command)
}

// speak keeps a word for connections that are being asked about, and returns those of the user that are there.
func (h *hub) speak(w word) []userClient {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	h.words.add(w)
	u := h.users[w.user]
	if u == nil || w.user == "" {
		return nil
	}
	var clients []userClient
	for _, c := range u.clients {
		if w.meant(u.name, c.clientID()) {
			clients = append(clients, c)
		}
	}
	return clients
}

// clientByID is the connection of that id, if there is one: the shards look for it.
func (h *hub) clientByID(ctx context.Context, id string) (clients []userClient, e *rejection) {
	found := make(chan userClient, len(h.Shards))
	for _, sh := range h.Shards {
		sh.Post(fanout.Job{Do: fanout.CallBack, Call: func() {
			for _, c := range sh.Conns {
				if each, is := c.Handler.(userClient); is && each.clientID() == id {
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

// execute has clients do a command, waits for all, and returns the first rejection.
func execute(ctx context.Context, clients []userClient, command userCommand) *rejection {
	done := make(chan *rejection, len(clients))
	for _, c := range clients {
		c.execute(command, func(e *rejection) { done <- e })
	}
	var first *rejection
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
