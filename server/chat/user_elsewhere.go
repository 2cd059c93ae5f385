package chat

import (
	"cmp"
	"slices"
	"time"
)

// overFor is how long a user may have more connections to all nodes than max-connections-user. It is longer than a node is suspect: the connections of a
// node that has died do not count then.
const overFor = 2 * time.Second

// closingSince is the begin of a connection that EndConnectionsOver closes.
const closingSince = 0

// UserElsewhere sets the connections of a user to another node: when each began, in milliseconds since 1970. Any goroutine may call it, without locks.
func (h *Hub) UserElsewhere(user string, on *OtherNode, since []int64) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	list := slices.DeleteFunc(h.usersElsewhere[user], func(each userElsewhere) bool { return each.node == on })
	if len(since) > 0 {
		list = append(list, userElsewhere{on, since})
	}
	if len(list) == 0 {
		delete(h.usersElsewhere, user)
		return
	}
	h.usersElsewhere[user] = list
	h.noteOverLocked(user)
}

// UsersElsewhere returns when the connections of a user to the other nodes began. Any goroutine may call it, without locks.
func (h *Hub) UsersElsewhere(user string) (since []int64) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	for _, each := range h.usersElsewhere[user] {
		since = append(since, each.since...)
	}
	return since
}

// isElsewhereLocked reports whether a user has a connection to another node that is alive. h.UsersMu is held.
func (h *Hub) isElsewhereLocked(user string) bool {
	return slices.ContainsFunc(h.usersElsewhere[user], func(each userElsewhere) bool { return each.node.Alive.Load() })
}

// UserHere returns when the connections of a user to this node began, in milliseconds since 1970, without those that are being closed. Any goroutine
// may call it, without locks.
func (h *Hub) UserHere(user string) (since []int64) {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	if u := h.users[user]; u != nil {
		since = slices.DeleteFunc(slices.Clone(u.since), func(at int64) bool { return at == closingSince })
	}
	return since
}

// UsersHere returns the users with a connection to this node, in no order. Any goroutine may call it, without locks.
func (h *Hub) UsersHere() []string {
	h.UsersMu.Lock()
	defer h.UsersMu.Unlock()
	users := make([]string, 0, len(h.users))
	for user := range h.users {
		users = append(users, user)
	}
	return users
}

// userChanged tells the other nodes that a user has got or lost a connection. The caller holds no lock.
func (h *Hub) userChanged(user string) {
	if h.others != nil && user != "" {
		h.others.UserChanged(user)
	}
}

// noteOverLocked notes a user with more connections to all nodes than max-connections-user. h.UsersMu is held.
func (h *Hub) noteOverLocked(user string) {
	most := h.Settings().maxUserConnections
	if most == 0 || len(h.usersElsewhere[user]) == 0 {
		return
	}
	if _, noted := h.usersOver[user]; !noted && len(h.connectionsLocked(user)) > most {
		h.usersOver[user] = h.Clock.Now()
	}
}

// connection is one connection of a user to any node.
type connection struct {
	since  int64
	node   string
	client userClient // nil on another node
}

// connectionsLocked returns the connections of a user to all nodes that are alive, the oldest first. h.UsersMu is held.
func (h *Hub) connectionsLocked(user string) (all []connection) {
	if u := h.users[user]; u != nil {
		for i, c := range u.clients {
			if u.since[i] != closingSince {
				all = append(all, connection{u.since[i], h.node, c})
			}
		}
	}
	for _, each := range h.usersElsewhere[user] {
		if each.node.Alive.Load() {
			for _, since := range each.since {
				all = append(all, connection{since, each.node.ID, nil})
			}
		}
	}
	slices.SortFunc(all, func(a, b connection) int { return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.node, b.node)) })
	return all
}

// EndConnectionsOver closes the newest connections of users that have had too many to all nodes for overFor. Each node closes its own: all have the same
// order of them. Called once a second, without locks.
func (h *Hub) EndConnectionsOver() {
	var close []userClient
	var changed []string
	h.UsersMu.Lock()
	most := h.Settings().maxUserConnections
	for user, since := range h.usersOver {
		if h.Clock.Now()-since < overFor {
			continue
		}
		delete(h.usersOver, user)
		if all := h.connectionsLocked(user); most > 0 && len(all) > most {
			for _, c := range all[most:] {
				if c.client != nil {
					// It may take seconds until the client has closed it, and it must not count for the next one.
					u := h.users[user]
					u.since[slices.Index(u.clients, c.client)] = closingSince
					close, changed = append(close, c.client), append(changed, user)
				}
			}
			h.usersOver[user] = h.Clock.Now() // those of the others may stay
		}
	}
	h.UsersMu.Unlock()
	for i, c := range close {
		c.Execute(Disconnect{Cause: EndedByLimit}, func(*Rejection) {})
		h.userChanged(changed[i])
	}
}
