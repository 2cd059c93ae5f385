package chat

import (
	"slices"
	"time"

	"github.com/throng-chat/throng/server/unordered"
)

// AddUser counts a client in as one of a user's, and returns what the application has demanded of that user since the client was asked
// about, where it was. It is rejectLimit where the user has too many connections, rejectRate where demands have been forgotten.
// Nobody in particular is many users.
func (h *Hub) AddUser(c userClient, name string, since *uint64) (u *User, demands []Word, e *Rejection) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	if since != nil {
		complete := false
		if demands, complete = h.Words.Of(name, c.ClientID(), *since); !complete {
			return nil, nil, rejectRate
		}
	}
	u = h.users[name]
	switch {
	case name == "":
		u = &User{}
	case u == nil:
		u = &User{name: name, meter: h.spentByUsers.Resume(name)}
	}
	if h.maxOfUser > 0 && len(u.clients) >= h.maxOfUser {
		return nil, nil, RejectLimit
	}
	if name != "" {
		h.users[name] = u
	}
	u.clients = append(u.clients, c)
	return u, demands, nil
}

func (h *Hub) RemoveUser(u *User, c userClient) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	u.clients = unordered.Remove(u.clients, slices.Index(u.clients, c))
	if len(u.clients) == 0 && h.users[u.name] == u {
		delete(h.users, u.name)
		h.spentByUsers.Park(u.name, u.meter, h.Clock.Now())
	}
}

// ClientsOf are the connections of a user.
func (h *Hub) ClientsOf(name string) []userClient {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	if u := h.users[name]; u != nil {
		return slices.Clone(u.clients)
	}
	return nil
}

// UserMayPublish holds a user to its rate, over all of its connections.
func (h *Hub) UserMayPublish(u *User, now time.Duration) bool {
	if h.userRate.Every == 0 {
		return true
	}
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return h.userRate.Allow(&u.meter, now, 1)
}

// UserDidNotPublish takes back what userMayPublish counted.
func (h *Hub) UserDidNotPublish(u *User) {
	if h.userRate.Every == 0 {
		return
	}
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	h.userRate.GiveBack(&u.meter)
}

// UserCount is how many users have a connection.
func (h *Hub) UserCount() int {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return len(h.users)
}
