package session

import (
	"maps"
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
)

// grant is a room that the server puts a connection into when it connects, or when it brings a new token.
type grant struct {
	room    string
	options token.SubOptions
	byToken bool // named by the token of the connection and by nothing else: the next token may take it away
}

// grants are the rooms of one connection, in the order in which it enters them, each once.
type grants struct {
	list []grant
	at   map[string]int // index in list
}

// add notes a room. Options replace those of an earlier grant of the same room, which keeps its place.
func (g *grants) add(room string, o token.SubOptions, byToken bool) {
	if i, is := g.at[room]; is {
		g.list[i].options = o
		g.list[i].byToken = g.list[i].byToken && byToken
		return
	}
	if g.at == nil {
		g.at = map[string]int{}
	}
	g.at[room] = len(g.list)
	g.list = append(g.list, grant{room, o, byToken})
}

func (g *grants) find(room string) *grant {
	if i, is := g.at[room]; is {
		return &g.list[i]
	}
	return nil
}

// grantsByToken are the rooms that a connection's token names, in its order: "channels", then "subs".
func (s *Session) grantsByToken(claims token.Claims) (g grants) {
	add := func(room string, o token.SubOptions) {
		if !chat.ValidRoomName(room) {
			s.Hub.Log.Debug("room of a token not entered", "conn", s.Conn.ID, "room", logqueue.Clip(room))
			return
		}
		g.add(room, o, true)
	}
	for _, room := range claims.Channels {
		add(room, token.SubOptions{})
	}
	for _, room := range claims.SubNames {
		add(room, claims.Subs[room])
	}
	return g
}

// grantsOf are all rooms of a connection that connects: its personal room, those of its token, and those of the application's answer
// to connect, nil for none.
func (s *Session) grantsOf(claims token.Claims, answer *webhook.Answer) (g grants) {
	h := s.Hub
	if h.personalRooms && claims.User != "" {
		if room, ok := h.Names.PersonalRoom(claims.User); ok {
			g.add(room, token.SubOptions{}, false)
		} else {
			h.Metrics.PersonalRoomsMissing.Inc()
			h.complaint.Do(func() {
				h.Log.Warn("a user has no personal room: its name is too long for one, or has a character of user-rooms in it; others may follow unnamed", "user", logqueue.Clip(claims.User))
			})
		}
	}
	for _, given := range s.grantsByToken(claims).list {
		g.add(given.room, given.options, true)
	}
	if answer == nil {
		return g
	}
	add := func(room string, o token.SubOptions) {
		if !chat.ValidRoomName(room) {
			h.Log.Debug("room of the application not entered", "conn", s.Conn.ID, "room", logqueue.Clip(room))
			return
		}
		g.add(room, o, false)
	}
	for _, room := range answer.Channels {
		if old := g.find(room); old != nil {
			add(room, old.options)
		} else {
			add(room, token.SubOptions{})
		}
	}
	for _, room := range slices.Sorted(maps.Keys(answer.Subs)) {
		sub := answer.Subs[room]
		add(room, token.SubOptions{Info: sub.Info, Data: sub.Data})
	}
	return g
}

// tooMany answers a command with error 106 if a connection would be in more rooms than it may. None of them is entered: a client
// that got a part of its rooms would not know which.
func (s *Session) tooMany(id uint32, rooms int) bool {
	h := s.Hub
	if rooms <= h.maxRooms {
		return false
	}
	h.complaint.Do(func() {
		h.Log.Warn("a token or the application gives a connection more rooms than max-rooms; others may follow unnamed", "conn", s.Conn.ID, "rooms", rooms, "max_rooms", h.maxRooms)
	})
	s.fail(id, ErrLimit)
	return true
}

// entryOf is the way into a granted room.
func (s *Session) entryOf(g *grant, wish *protocol.SubscribeRequest) *Entry {
	if wish == nil {
		wish = &protocol.SubscribeRequest{}
	}
	wish.Channel = g.room
	return &Entry{
		Wish:       wish,
		serverSide: true,
		withToken:  true,
		byToken:    g.byToken,
		Info:       s.InfoIn(g.options.Info),
		data:       AsJSON(g.options.Data),
	}
}

// regrant takes away the rooms that only the old token of the connection named, and shows the information of the new one in the
// others. It returns the rooms that are to be entered.
func (s *Session) regrant(now grants) (enter []grant) {
	for i := len(s.Subs) - 1; i >= 0; i-- {
		sub := s.Subs[i]
		if !sub.byToken {
			continue
		}
		g := now.find(sub.Room.Name)
		if g == nil {
			s.endSubscription(sub, endedByToken)
			continue
		}
		s.showIn(sub, g.options.Info)
	}
	for _, g := range now.list {
		if s.Find(g.room) == nil {
			enter = append(enter, g)
		}
	}
	return enter
}

// roomsAfter is in how many rooms the session will be after regrant and entering.
func (s *Session) roomsAfter(now grants) int {
	n := len(s.Subs) + len(now.list)
	for _, sub := range s.Subs {
		if sub.byToken || now.find(sub.Room.Name) != nil {
			n--
		}
	}
	return n
}
