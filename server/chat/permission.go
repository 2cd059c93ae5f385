package chat

// SessionPath is where SDK clients connect. It stands in the texts that refuse plain clients.
const SessionPath = "/connection/websocket"

// Authorize is the one function that decides what anybody may do in a room, however it is asked for: by a plain client, by
// the SDK protocol, by the server API, by coming back to where it was. Any goroutine may call it.
func (h *Hub) Authorize(a Actor, d Action, in View) bool {
	if h.Moderation.Forbids(a.User, d, in.Name) {
		return false
	}
	if a.Server {
		return true
	}
	switch personal, ok := h.Names.allow(a, d, in.Name); {
	case !ok:
		return false
	case personal && d == ToSubscribe:
		return true
	case !a.Inside && h.Unknown(in):
		return false
	}
	return in.Options.Allows(a, d)
}

// Unknown reports whether rooms are closed and no pattern fits the room. The application may still put connections into it.
func (h *Hub) Unknown(in View) bool { return h.closed && in.Options == &h.anyRoom }

// Denial returns the rejection of a client that may not do something in a room. It depends on the room's name, on the client's own
// subscription and on its sanctions alone, so that it does not show whether the room exists.
func (h *Hub) Denial(a Actor, d Action, in View) *Rejection {
	if !a.Inside && h.Unknown(in) {
		return rejectUnknownRoom
	}
	if why := h.Moderation.why(a.User, d, in.Name); why != "" {
		return &Rejection{CauseDenied, why}
	}
	return rejectDenied
}

// BarsPlain returns why a plain client may not enter a room, and what to do about it, or "". It depends on the room's name alone, so that
// it does not show whether the room exists, and does not repeat the name.
func (h *Hub) BarsPlain(room string) string {
	const instead = "connect to " + SessionPath + " with a token"
	switch in := h.ViewOf(room); {
	case h.Authorize(Actor{}, ToSubscribe, in):
		if h.Guests {
			return ""
		}
		return "guests are not admitted: " + instead + ", or start the server with --guests on"
	case !h.Names.allowPlain(room):
		return "its name reserves it (user-rooms, private-rooms): " + instead
	case in.Options != &h.anyRoom && in.Options.Subscribe == Nobody:
		return "its options admit only clients that the application puts in (subscribe): use the server API, a connection token or a webhook"
	case in.Options != &h.anyRoom:
		return "its options require a token or a user (subscribe): " + instead
	case h.closed:
		return "no [[room]] pattern fits it, and the server was started with --rooms closed: add a [[room]] table for it"
	}
	return "no [[room]] pattern fits it, and such rooms are for signed-in users (--rooms): " + instead
}

// Allows is what the options say.
func (o *RoomOptions) Allows(a Actor, d Action) bool {
	who := [Deeds]Who{ToSubscribe: o.Subscribe, ToPublish: o.Publish, ToSeePresence: o.SeePresence, ToReadHistory: o.ReadHistory}[d]
	if d == ToSubscribe && a.Token && who != Nobody {
		return true
	}
	switch who {
	case Anyone:
		return true
	case SignedIn:
		return a.User != ""
	case Subscribers:
		return a.Inside
	case WithToken:
		return a.Token
	}
	return false
}
