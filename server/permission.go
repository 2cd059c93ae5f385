package server

// sessionPath is where SDK clients connect. It stands in the texts that refuse plain clients.
const sessionPath = "/connection/websocket"

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

// view is a room and what it offers. It is looked up once for each command, from the membership where there is one.
type view struct {
	name    string
	options *RoomOptions
	place   *membership // of the client that looks; nil where it is not in the room
}

func (h *hub) viewOf(room string) view { return view{name: room, options: h.optionsOf(room)} }

// admit decides whether something of so many bytes may be published in a room, and returns why if not: it is denied,
// the room is unknown, or the limit of bytes is exceeded. It is asked for plain clients, sessions, the server API and redactions alike. Rates and slow mode
// come after it (fee.go). Any goroutine may call it.
func (h *hub) admit(a asker, in view, size int) *rejection {
	switch {
	case !h.authorize(a, toPublish, in):
		return h.denial(a, toPublish, in)
	case size > h.largest(in):
		return rejectLimit
	}
	return nil
}

// largest is how many bytes a publication in a room may have.
func (h *hub) largest(in view) int {
	if in.options.MaxMessage > 0 {
		return in.options.MaxMessage
	}
	return h.Rules.MaxMessage
}

// authorize is the one function that decides what anybody may do in a room, however it is asked for: by a plain client, by
// the SDK protocol, by the server API, by coming back to where it was. Any goroutine may call it.
func (h *hub) authorize(a asker, d deed, in view) bool {
	if h.moderation.forbids(a.user, d, in.name) {
		return false
	}
	if a.server {
		return true
	}
	switch personal, ok := h.names.allow(a, d, in.name); {
	case !ok:
		return false
	case personal && d == toSubscribe:
		return true
	case !a.inside && h.unknown(in):
		return false
	}
	return in.options.allows(a, d)
}

// unknown reports whether rooms are closed and no pattern fits the room. The application may still put connections into it.
func (h *hub) unknown(in view) bool { return h.closed && in.options == &h.anyRoom }

// denial returns the rejection of a client that may not do something in a room. It depends on the room's name, on the client's own
// subscription and on its sanctions alone, so that it does not show whether the room exists.
func (h *hub) denial(a asker, d deed, in view) *rejection {
	if !a.inside && h.unknown(in) {
		return rejectUnknownRoom
	}
	if why := h.moderation.why(a.user, d, in.name); why != "" {
		return &rejection{causeDenied, why}
	}
	return rejectDenied
}

// barsPlain returns why a plain client may not enter a room, and what to do about it, or "". It depends on the room's name alone, so that
// it does not show whether the room exists, and does not repeat the name.
func (h *hub) barsPlain(room string) string {
	const instead = "connect to " + sessionPath + " with a token"
	switch in := h.viewOf(room); {
	case h.authorize(asker{}, toSubscribe, in):
		if h.guests {
			return ""
		}
		return "guests are not admitted: " + instead + ", or start the server with --guests on"
	case !h.names.allowPlain(room):
		return "its name reserves it (user-rooms, private-rooms): " + instead
	case in.options != &h.anyRoom && in.options.Subscribe == Nobody:
		return "its options admit only clients that the application puts in (subscribe): use the server API, a connection token or a webhook"
	case in.options != &h.anyRoom:
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
