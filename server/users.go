package server

import (
	"slices"
	"time"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/unordered"
)

// user is somebody with one connection or more. Guarded by hub.usersMu.
type user struct {
	name    string
	clients []userClient
	meter   limiter.Meter // of publications
}

// userClient is a connection of a user: what the chat wants of it.
type userClient interface {
	// clientID is the connection's id, which everybody may see.
	clientID() string

	// execute does what the application commands, on the goroutine that owns the client, and calls done there, once, with what came of it.
	// Any goroutine may call it; it does not block.
	execute(command userCommand, done func(*rejection))
}

// addUser counts a client in as one of a user's, and returns what the application has demanded of that user since the client was asked
// about, where it was. It is rejectLimit where the user has too many connections, rejectRate where demands have been forgotten.
// Nobody in particular is many users.
func (h *hub) addUser(c userClient, name string, since *uint64) (u *user, demands []word, e *rejection) {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	if since != nil {
		complete := false
		if demands, complete = h.words.of(name, c.clientID(), *since); !complete {
			return nil, nil, rejectRate
		}
	}
	u = h.users[name]
	switch {
	case name == "":
		u = &user{}
	case u == nil:
		u = &user{name: name, meter: h.spentByUsers.Resume(name)}
	}
	if h.maxOfUser > 0 && len(u.clients) >= h.maxOfUser {
		return nil, nil, rejectLimit
	}
	if name != "" {
		h.users[name] = u
	}
	u.clients = append(u.clients, c)
	return u, demands, nil
}

func (h *hub) removeUser(u *user, c userClient) {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	u.clients = unordered.Remove(u.clients, slices.Index(u.clients, c))
	if len(u.clients) == 0 && h.users[u.name] == u {
		delete(h.users, u.name)
		h.spentByUsers.Park(u.name, u.meter, h.Clock.Now())
	}
}

// clientsOf are the connections of a user.
func (h *hub) clientsOf(name string) []userClient {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	if u := h.users[name]; u != nil {
		return slices.Clone(u.clients)
	}
	return nil
}

// userMayPublish holds a user to its rate, over all of its connections.
func (h *hub) userMayPublish(u *user, now time.Duration) bool {
	if h.userRate.Every == 0 {
		return true
	}
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	return h.userRate.Allow(&u.meter, now, 1)
}

// userDidNotPublish takes back what userMayPublish counted.
func (h *hub) userDidNotPublish(u *user) {
	if h.userRate.Every == 0 {
		return
	}
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	h.userRate.GiveBack(&u.meter)
}

// userCount is how many users have a connection.
func (h *hub) userCount() int {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	return len(h.users)
}
