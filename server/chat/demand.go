package chat

import (
	"context"
	"slices"

	"github.com/throng-chat/throng/server/fanout"
)

// Demand has what is demanded done by all connections that are meant: at once by those that are there, and by those that are being
// asked about when the answer has come. It waits for the former and returns their first rejection. Not to be called on the loop or on a
// shard.
func (h *Hub) Demand(ctx context.Context, what Word) *Rejection {
	// Kept before the connections are looked for: one that comes in meanwhile is met by one of both, or by both.
	clients := h.Speak(what)
	if what.User == "" {
		var e *Rejection
		if clients, e = h.clientByID(ctx, what.Client); e != nil {
			return e
		}
		clients = slices.DeleteFunc(clients, func(c userClient) bool { return !what.meant("", c.ClientID()) })
	}
	return execute(ctx, clients, what.Command)
}

// Speak keeps a word for connections that are being asked about, and returns those of the user that are there.
func (h *Hub) Speak(w Word) []userClient {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	h.Words.Add(w)
	u := h.users[w.User]
	if u == nil || w.User == "" {
		return nil
	}
	var clients []userClient
	for _, c := range u.clients {
		if w.meant(u.name, c.ClientID()) {
			clients = append(clients, c)
		}
	}
	return clients
}

// clientByID is the connection of that id, if there is one: the shards look for it.
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

// execute has clients do a command, waits for all, and returns the first rejection.
func execute(ctx context.Context, clients []userClient, command UserCommand) *Rejection {
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

// BeginAsking counts a connection that is asked about from now on, and returns the number of the first word that may be meant for it.
func (h *Hub) BeginAsking() (since uint64) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return h.Words.Begin()
}

// EndAsking is when it has been answered, or is closed.
func (h *Hub) EndAsking() {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	h.Words.end()
}
