package server

import "strings"

// deed is what somebody may or may not do in a room.
type deed uint8

const (
	toSubscribe deed = iota
	toPublish
	toSeePresence
	toReadHistory
	deeds
)

// asker is who wants to do something in a room.
type asker struct {
	user   string // empty for nobody in particular
	inside bool   // is in the room
	token  bool   // holds a token for the room
	server bool   // the application asks: for itself, by the server API, or for the user, by a token that names the room
}

func (s *session) asker(inside, token bool) asker {
	return asker{user: s.info.User, inside: inside, token: token}
}

// may says whether the session may do something in a room, as it stands there now. Called on the poller.
func (s *session) may(d deed, room string) bool {
	sub := s.find(room)
	return s.hub.authorize(s.asker(sub != nil, sub != nil && sub.withToken), d, room)
}

// authorize is the one function that decides what anybody may do in a room, however it is asked for: by a plain client, by
// the SDK protocol, by the server API, by coming back to where it was. Any goroutine may call it.
func (h *hub) authorize(a asker, d deed, room string) bool {
	if h.moderation.forbids(a.user, d, room) {
		return false
	}
	if a.server {
		return true
	}
	o := h.optionsOf(room)
	if owner, personal := strings.CutPrefix(room, "#"); personal {
		// "#U" is the room of user U and of nobody else, but for whom the application has put in.
		own := owner == a.user && a.user != ""
		if d == toSubscribe {
			return own
		}
		if !own && !a.inside {
			return false
		}
	}
	return o.allows(a, d)
}

// allows is what the options say.
func (o *RoomOptions) allows(a asker, d deed) bool {
	who := [deeds]Who{toSubscribe: o.Subscribe, toPublish: o.Publish, toSeePresence: o.SeePresence, toReadHistory: o.ReadHistory}[d]
	if d == toSubscribe && a.token && who != Nobody {
		return true
	}
	switch who {
	case Anyone:
		return true
	case SignedIn:
		return a.user != ""
	case Subscribers:
		return a.inside
	case WithToken:
		return a.token
	}
	return false
}

// optionsOf are those of the first pattern that a room's name fits.
func (h *hub) optionsOf(room string) *RoomOptions {
	for i := range h.patterns {
		if h.patterns[i].fits(room) {
			return &h.patterns[i]
		}
	}
	return &h.anyRoom
}
