package server

import "github.com/centrifugal/protocol"

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
	switch personal, ok := h.names.allow(a, d, room); {
	case !ok:
		return false
	case personal && d == toSubscribe:
		return true
	case !a.inside && h.unknown(room):
		return false
	}
	return h.optionsOf(room).allows(a, d)
}

// unknown reports whether rooms are closed and no pattern fits the room. The application may still put connections into it.
func (h *hub) unknown(room string) bool { return h.closed && h.optionsOf(room) == &h.anyRoom }

// denial returns the error for a client that may not do something in a room. It depends on the room's name and on the client's
// own subscription alone, so that it does not show whether the room exists.
func (s *session) denial(room string) *protocol.Error {
	if s.hub.unknown(room) && s.find(room) == nil {
		return errUnknownChannel
	}
	return errDenied
}

// barsPlain returns why a plain client may not enter a room, and what to do about it, or "". It depends on the room's name alone, so that
// it does not show whether the room exists, and does not repeat the name.
func (h *hub) barsPlain(room string) string {
	const instead = "connect to " + sessionPath + " with a token"
	switch o := h.optionsOf(room); {
	case h.authorize(asker{}, toSubscribe, room):
		if h.guests {
			return ""
		}
		return "guests are not admitted: " + instead + ", or start the server with --guests on"
	case !h.names.allowPlain(room):
		return "its name reserves it (user-rooms, private-rooms): " + instead
	case o != &h.anyRoom && o.Subscribe == Nobody:
		return "its options admit only clients that the application puts in (subscribe): use the server API, a connection token or a webhook"
	case o != &h.anyRoom:
		return "its options require a token or a user (subscribe): " + instead
	case h.closed:
		return "no [[room]] pattern fits it, and the server was started with --rooms closed: add a [[room]] table for it"
	}
	return "no [[room]] pattern fits it, and such rooms are for signed-in users (--rooms): " + instead
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
