package session

import (
	"maps"
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
)

// grant is a server-side subscription: the server subscribes the client when it connects or refreshes its token.
type grant struct {
	room    string
	options token.SubOptions
	source  string // metrics.GrantedByToken, GrantedByWebhook or GrantedToUser: the last that granted the room
	byToken bool   // granted only by the connection token: the next token may remove it
}

// grants are the server-side subscriptions of a connection, each room once, in the order in which it joins them.
type grants struct {
	list []grant
	at   map[string]int // index in list
}

// add adds a room. Its options replace those of an earlier grant of the same room, which keeps its place.
func (g *grants) add(room string, o token.SubOptions, source string) {
	byToken := source == metrics.GrantedByToken
	if i, is := g.at[room]; is {
		g.list[i] = grant{room, o, source, g.list[i].byToken && byToken}
		return
	}
	if g.at == nil {
		g.at = map[string]int{}
	}
	g.at[room] = len(g.list)
	g.list = append(g.list, grant{room, o, source, byToken})
}

func (g *grants) find(room string) *grant {
	if i, is := g.at[room]; is {
		return &g.list[i]
	}
	return nil
}

// grant adds a room to g. If its name is invalid, the room is ignored.
func (s *Session) grant(g *grants, room string, o token.SubOptions, source, user string) {
	if chat.ValidRoomName(room) {
		g.add(room, o, source)
		return
	}
	s.Sessions.Metrics.RoomsIgnored.WithLabelValues(source, metrics.IgnoredName).Inc()
	s.Sessions.logs.roomName.Do(func() {
		s.Sessions.Log.Warn("server-side room ignored: its name is invalid; logged at most once per second",
			"conn", s.Conn.ID, "user", logqueue.Clip(user), "source", source, "room", logqueue.Clip(room))
	})
}

// grantsByToken returns the rooms of a connection token in its order: "channels", then "subs".
func (s *Session) grantsByToken(claims token.Claims) (g grants) {
	for _, room := range claims.Channels {
		s.grant(&g, room, token.SubOptions{}, metrics.GrantedByToken, claims.User)
	}
	for _, room := range claims.SubNames {
		s.grant(&g, room, claims.Subs[room], metrics.GrantedByToken, claims.User)
	}
	return g
}

// grantsOf returns all server-side rooms of a new connection: its personal room, those of its token, and those of the reply to the connect proxy
// request, nil for none.
func (s *Session) grantsOf(claims token.Claims, reply *webhook.Reply) (g grants) {
	h := s.Sessions
	if h.personalRooms.Load() && claims.User != "" {
		if room, ok := h.Settings().Names.PersonalRoom(claims.User); ok {
			g.add(room, token.SubOptions{}, metrics.GrantedToUser)
		} else {
			h.Metrics.PersonalRoomsMissing.Inc()
			h.logs.personalRoom.Do(func() {
				h.Log.Warn("user without a personal room: its name is too long, or contains a character of user-rooms; logged at most once per second",
					"conn", s.Conn.ID, "user", logqueue.Clip(claims.User))
			})
		}
	}
	for _, given := range s.grantsByToken(claims).list {
		g.add(given.room, given.options, given.source)
	}
	if reply == nil {
		return g
	}
	for _, room := range reply.Channels {
		var options token.SubOptions
		if old := g.find(room); old != nil {
			options = old.options
		}
		s.grant(&g, room, options, metrics.GrantedByWebhook, claims.User)
	}
	for _, room := range slices.Sorted(maps.Keys(reply.Subs)) {
		sub := reply.Subs[room]
		s.grant(&g, room, token.SubOptions{Info: sub.Info, Data: sub.Data}, metrics.GrantedByWebhook, claims.User)
	}
	return g
}

// notJoined counts a granted room that the session may not join.
func (s *Session) notJoined(g *grant, why *chat.Rejection) {
	s.Sessions.Metrics.RoomsIgnored.WithLabelValues(g.source, metrics.IgnoredRejected).Inc()
	s.Sessions.logs.notJoined.Do(func() {
		s.Sessions.Log.Warn("server-side room not joined; logged at most once per second",
			"conn", s.Conn.ID, "user", logqueue.Clip(s.userID()), "source", g.source, "room", logqueue.Clip(g.room), "error", ErrorOf(why).Message)
	})
}

// tooMany replies with error 106 if a connection would exceed max-rooms. It then joins none of the rooms: with a part of them, a client would not
// know which ones are missing.
func (s *Session) tooMany(id uint32, user string, rooms int) bool {
	h := s.Sessions
	if rooms <= h.roomLimit() {
		return false
	}
	h.logs.tooManyRooms.Do(func() {
		h.Log.Warn("the token or the webhook reply has more rooms than max-rooms; logged at most once per second",
			"conn", s.Conn.ID, "user", logqueue.Clip(user), "rooms", rooms, "max_rooms", h.roomLimit())
	})
	s.fail(id, ErrLimit)
	return true
}

// joinOf returns the join of a granted room.
func (s *Session) joinOf(g *grant, requested *protocol.SubscribeRequest) *JoinAttempt {
	if requested == nil {
		requested = &protocol.SubscribeRequest{}
	}
	requested.Channel = g.room
	return &JoinAttempt{
		Requested:  requested,
		serverSide: true,
		withToken:  true,
		byToken:    g.byToken,
		Info:       s.InfoIn(g.options.Info),
		data:       AsJSON(g.options.Data),
	}
}

// regrant ends the subscriptions that only the old connection token granted, and applies the information of the new token to the others. It
// returns the rooms to join.
func (s *Session) regrant(now grants) (joins []grant) {
	for i := len(s.Subs) - 1; i >= 0; i-- {
		sub := s.Subs[i]
		if !sub.byToken {
			continue
		}
		g := now.find(sub.Room.Name)
		if g == nil {
			s.endSubscription(sub, unsubscribedByToken)
			continue
		}
		s.setInfoIn(sub, g.options.Info)
	}
	for _, g := range now.list {
		if s.Find(g.room) == nil {
			joins = append(joins, g)
		}
	}
	return joins
}

// roomsAfter returns the number of rooms of the session after regrant and its joins.
func (s *Session) roomsAfter(now grants) int {
	n := len(s.Subs) + len(now.list)
	for _, sub := range s.Subs {
		if sub.byToken || now.find(sub.Room.Name) != nil {
			n--
		}
	}
	return n
}
