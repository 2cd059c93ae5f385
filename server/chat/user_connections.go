package chat

import (
	"slices"
	"time"

	"github.com/throng-chat/throng/server/unordered"
)

// AddUser adds a connection to a user; an empty name: an anonymous user, which is nil unless users have a rate. If the connection has waited for its connect webhook, since is the
// result of BeginConnect, and AddUser returns the commands that match the connection. The causes of a rejection are CauseLimit if the user
// is at its limit of connections, and CauseRate if commands were evicted. Return u with RemoveUser.
func (h *Hub) AddUser(c userClient, name string, since *uint64) (u *User, commands []TargetedCommand, e *Rejection) {
	defer h.userChanged(name) // without the lock
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	if since != nil {
		complete := false
		if commands, complete = h.PendingUserCommands.matching(name, c.ClientID(), *since); !complete {
			return nil, nil, rejectRate
		}
	}
	if name == "" {
		if h.Settings().userRate.Every != 0 {
			u = &User{}
		}
		return u, commands, nil
	}
	if u = h.users[name]; u == nil {
		u = &User{name: name, meter: h.parkedUserMeters.Resume(name)}
	}
	if most := h.Settings().maxUserConnections; most > 0 && len(u.clients) >= most {
		return nil, nil, RejectLimit
	}
	h.users[name] = u
	u.clients, u.since = append(u.clients, c), append(u.since, h.Clock.WallNow().UnixMilli())
	h.noteOverLocked(name)
	return u, commands, nil
}

// RemoveUser removes a connection, which AddUser has added.
func (h *Hub) RemoveUser(u *User, c userClient) {
	if u == nil || u.name == "" {
		return
	}
	defer h.userChanged(u.name) // without the lock
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	at := slices.Index(u.clients, c)
	u.clients, u.since = unordered.Remove(u.clients, at), unordered.Remove(u.since, at)
	if len(u.clients) == 0 && h.users[u.name] == u {
		delete(h.users, u.name)
		h.parkedUserMeters.Park(u.name, u.meter, h.Clock.Now())
	}
}

// AllowPublish counts a publication against the rate limit of a user, which all of its connections share. It returns false over the limit. An
// anonymous connection from before the first such limit has no user, nil, and no limit.
func (h *Hub) AllowPublish(u *User, now time.Duration) bool {
	limit := h.Settings().userRate
	if limit.Every == 0 || u == nil {
		return true
	}
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return limit.Allow(&u.meter, now, 1)
}

// UndoPublish undoes the count of AllowPublish.
func (h *Hub) UndoPublish(u *User) {
	limit := h.Settings().userRate
	if limit.Every == 0 || u == nil {
		return
	}
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	limit.Undo(&u.meter)
}

// Connected sets is[i] if users[i] has a connection to any node. Any goroutine may call it. It holds a lock meanwhile, so pass a few hundred users at most.
func (h *Hub) Connected(users []string, is []bool) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	for i, user := range users {
		is[i] = h.users[user] != nil || h.isElsewhereLocked(user)
	}
}

// UserCount returns the number of users with a connection to this node; anonymous users do not count.
func (h *Hub) UserCount() int {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	return len(h.users)
}
