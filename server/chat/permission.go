package chat

import (
	"fmt"

	"github.com/throng-chat/throng/server/roster"
)

// SessionPath is the endpoint of SDK clients. The rejection texts for plain clients have it.
const SessionPath = "/connection/websocket"

// Authorize reports whether an actor may do an action in a room. It checks sanctions, the rules of the room's name, and the room's options.
// Plain clients, sessions (also for recovery) and the server API all use it. Any goroutine may call it.
func (h *Hub) Authorize(a Actor, action Action, in RoomRef) bool {
	in = h.current(in)
	if h.Moderation.Denies(a.User, action, in.Name) || h.CheckName(in) != nil {
		return false
	}
	if of, ok := typingOf(in.Name); ok && !h.authorizeTyping(a, action, of) {
		return false
	}
	if a.Application {
		return true
	}
	switch personal, ok := in.Options.from.Names.allow(a, action, in.Name); {
	case !ok:
		return false
	case personal && action == ToSubscribe:
		return true
	case !a.Member && h.Unknown(in):
		return false
	}
	if access := in.Options.access(action); access.needsRole() && !(action == ToSubscribe && a.Token) {
		return h.HasAccess(access, in.Name, a.User)
	}
	return in.Options.Allows(a, action)
}

// CheckName returns the rejection of a direct chat room whose users are not in order; nil for all other rooms. It has the name to use.
func (h *Hub) CheckName(in RoomRef) *Rejection {
	o := h.current(in).Options
	if !o.IsChat() {
		return nil
	}
	name, is := o.from.Names.inOrder(in.Name)
	if is {
		return nil
	}
	return &Rejection{CauseInvalid, fmt.Sprintf("channel: the users of a direct room are in the order of their bytes: %q", name)}
}

// HasAccess reports whether a user has the role in the roster of a room that an access needs: Members or Moderators. It is false for others.
func (h *Hub) HasAccess(access Access, room, user string) bool {
	switch access {
	case Members:
		return h.RoleOf(room, user) >= roster.Member
	case Moderators:
		return h.RoleOf(room, user) >= roster.Moderator
	}
	return false
}

// NameAllows reports whether the name of a room allows a user to be in its roster.
func (h *Hub) NameAllows(user, room string) bool {
	_, ok := h.Settings().Names.allow(Actor{User: user, Token: true}, ToSubscribe, room)
	return ok
}

// IsDirect reports whether a room is the direct room of two users.
func (h *Hub) IsDirect(room string) bool {
	_, _, ok := h.Settings().Names.direct(room)
	return ok
}

// Unknown reports whether rooms are closed and no pattern matches the room. The application may still subscribe connections to it.
func (h *Hub) Unknown(in RoomRef) bool {
	o := h.current(in).Options
	return o.from.closed && o.unmatched()
}

// Denial returns the rejection of an action that Authorize denies. It depends only on the room's name, the client's own subscription and its
// sanctions, so it does not reveal whether the room exists.
func (h *Hub) Denial(a Actor, action Action, in RoomRef) *Rejection {
	if e := h.CheckName(in); e != nil {
		return e
	}
	if of, ok := typingOf(in.Name); ok && !h.authorizeTyping(a, action, of) {
		return h.Denial(a, action, h.RoomRef(of))
	}
	if !a.Member && h.Unknown(in) {
		return rejectUnknownRoom
	}
	if why := h.Moderation.denialText(a.User, action, in.Name); why != "" {
		return &Rejection{CauseDenied, why}
	}
	return rejectDenied
}

// PlainDenial returns the reason why a plain client may not join a room, with advice; "" if it may. The text depends only on the room's name,
// so it does not reveal whether the room exists.
func (h *Hub) PlainDenial(room string) string {
	const instead = "connect to " + SessionPath + " with a token"
	in := h.RoomRef(room)
	switch o := in.Options; {
	case h.Authorize(Actor{}, ToSubscribe, in):
		if o.from.Guests {
			return ""
		}
		return "guests are not admitted: " + instead + ", or start the server with --guests on"
	case h.CheckName(in) != nil:
		return h.CheckName(in).Detail + ": " + instead
	case !o.from.Names.allowPlain(room):
		return "its name reserves it (user-rooms, private-rooms): " + instead
	case !o.unmatched() && o.Subscribe == Nobody:
		return "its options admit only clients that the application subscribes (subscribe): use the server API, a connection token or a webhook"
	case !o.unmatched():
		return "its options require a token or a user (subscribe): " + instead
	case o.from.closed:
		return "no [[room]] pattern matches it, and the server was started with --rooms closed: add a [[room]] table for it"
	}
	return "no [[room]] pattern matches it, and such rooms are for signed-in users (--rooms): " + instead
}

// Allows reports whether the options allow an action, without the roster of the room (Hub.Authorize).
func (o *RoomOptions) Allows(a Actor, action Action) bool {
	access := o.access(action)
	if action == ToSubscribe && a.Token && access != Nobody {
		return true
	}
	switch access {
	case Anyone:
		return true
	case SignedIn:
		return a.User != ""
	case Subscribers:
		return a.Member
	case WithToken:
		return a.Token
	}
	return false
}
