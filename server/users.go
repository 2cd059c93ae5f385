package server

import (
	"slices"
	"time"
)

// user is somebody with one connection or more. Guarded by hub.usersMu.
type user struct {
	name     string
	sessions []*session
	meter    meter // of publications
}

// addUser counts a session in as one of its user's, and returns what the application has demanded of that user while the session
// was asked about. It is rejectLimit where the user has too many connections, rejectRate where demands have been forgotten.
// Nobody in particular is many users.
func (h *hub) addUser(s *session) (demands []word, e *rejection) {
	name := s.info.User
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	if s.asking != nil {
		complete := false
		if demands, complete = h.words.of(name, s.client, *s.asking); !complete {
			return nil, rejectRate
		}
	}
	u := h.users[name]
	switch {
	case name == "":
		u = &user{}
	case u == nil:
		u = &user{name: name, meter: h.spentByUsers.comes(name)}
	}
	if h.maxOfUser > 0 && len(u.sessions) >= h.maxOfUser {
		return nil, rejectLimit
	}
	if name != "" {
		h.users[name] = u
	}
	u.sessions = append(u.sessions, s)
	s.user = u
	return demands, nil
}

func (h *hub) removeUser(s *session) {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	u := s.user
	u.sessions = without(u.sessions, slices.Index(u.sessions, s))
	if len(u.sessions) == 0 && h.users[u.name] == u {
		delete(h.users, u.name)
		h.spentByUsers.goes(u.name, u.meter, h.clock.now())
	}
}

// sessionsOf are the connections of a user.
func (h *hub) sessionsOf(name string) []*session {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	if u := h.users[name]; u != nil {
		return slices.Clone(u.sessions)
	}
	return nil
}

// userMayPublish holds a user to its rate, over all of its connections.
func (h *hub) userMayPublish(u *user, now time.Duration) bool {
	if h.userRate.every == 0 {
		return true
	}
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	return h.userRate.allow(&u.meter, now, 1)
}

// userDidNotPublish takes back what userMayPublish counted.
func (h *hub) userDidNotPublish(u *user) {
	if h.userRate.every == 0 {
		return
	}
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	h.userRate.giveBack(&u.meter)
}
