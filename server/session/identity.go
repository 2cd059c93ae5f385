package session

import (
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
)

// How a connection says who it is: by a token, or, where guests are let in, by none.

// ServerVersion is what connect is answered with. SDKs want it not to be empty.
const ServerVersion = "throng"

// connect is the first command of every connection.
func (s *Session) connect(id uint32, req *protocol.ConnectRequest) {
	if s.Hub.Hooks.crowded(s, OnConnect) {
		s.fail(id, ErrTooManyRequests)
		s.State = refused
		return
	}
	if req.Token == "" {
		if !s.Hub.Guests && !s.Hub.Hooks.wants(OnConnect) {
			s.Hub.complaint.Do(func() {
				s.Hub.Log.Warn("client without a token refused, since guests are off; more may be refused without a log line", "conn", s.Conn.Id)
			})
			s.dismiss(disconnectNoToken)
			return
		}
		s.connectAs(id, req, token.Claims{})
		return
	}
	checkToken(s, req.Token, s.Hub.Tokens.Connect, func(claims token.Claims, err error) {
		if err != nil {
			s.endAsking()
			s.refuseToken(id, err, errTokenExpired)
			return
		}
		s.tokenUser = claims.User
		s.connectAs(id, req, claims)
	})
}

// connectAs goes on with connect when the token, if there is one, is known to be good.
func (s *Session) connectAs(id uint32, req *protocol.ConnectRequest, claims token.Claims) {
	if s.Hub.Hooks.wants(OnConnect) {
		s.askConnect(id, req, claims)
		return
	}
	s.enter(id, req, claims, nil)
}

// refuseConnect is when connect was answered with an error.
func (s *Session) refuseConnect() {
	if s.State == opened {
		s.State = refused
	}
}

// refuseToken answers a connection's token that is no good, one that has expired with expired.
func (s *Session) refuseToken(id uint32, err error, expired *protocol.Error) {
	switch {
	case errors.Is(err, token.ErrExpired):
		s.fail(id, expired)
	case errors.Is(err, token.ErrKeysNotLoaded):
		s.fail(id, errInternal)
	case errors.Is(err, errVerifying):
		s.fail(id, ErrTooManyRequests)
	default:
		s.complainOfToken(err)
		s.dismiss(disconnectInvalidToken)
		return
	}
	s.refuseConnect()
}

// complainOfToken logs why a token was refused: its client learns no more than that it was.
func (s *Session) complainOfToken(err error) {
	s.Hub.complaint.Do(func() {
		s.Hub.Log.Warn("token refused; more may be refused without a log line", "conn", s.Conn.Id, "error", logqueue.Clip(err.Error()))
	})
}

// enter makes the connection somebody, and puts it into the rooms that the server gives it. answer is the application's, nil where
// it was not asked.
func (s *Session) enter(id uint32, req *protocol.ConnectRequest, claims token.Claims, answer *webhook.Answer) {
	h := s.Hub
	rooms := s.grantsOf(claims, answer)
	if s.tooMany(id, len(rooms.list)) {
		s.endAsking()
		s.refuseConnect()
		return
	}
	s.Info = &chat.ClientInfo{User: claims.User, Client: s.Client, ConnInfo: AsJSON(claims.Info)}
	s.Identity.Store(s.Info)
	s.meta = chat.Fitted(claims.Meta)
	if req.Token == "" {
		s.tokenUser = claims.User
	}
	user, demands, e := h.AddUser(s, s.Info.User, s.asking)
	s.User = user
	s.endAsking()
	switch {
	case e == chat.RejectLimit:
		s.dismiss(disconnectTooManyOfUser)
		return
	case e != nil:
		s.fail(id, ErrorOf(e))
		s.refuseConnect()
		return
	}
	// Not before: whoever bans or revokes ends the connections that are counted then.
	if !s.welcome(claims) || s.ended(demands) {
		return
	}
	s.State = Connected
	s.expires = ExpiryOf(claims.Expires)
	s.Conn.Pinged.Store(0)
	s.due.PingAt.Store(uint32(h.Heartbeat.FirstPing(s.Conn)))

	result := &protocol.ConnectResult{
		Client:  s.Client,
		Version: ServerVersion,
		Ping:    uint32((h.pingInterval + time.Second - 1) / time.Second),
		Pong:    true,
	}
	if answer != nil {
		result.Data = AsJSON(answer.Data)
	}
	if req.Token != "" {
		// Only by a new token is a client's time prolonged: one without is ended by then, comes back and is asked about.
		result.Expires, result.Ttl = s.expires != 0, Ttl(claims.Expires)
	}
	s.Reply(&protocol.Reply{Id: id, Connect: result})
	s.enterGivenRooms(result, req.Subs, rooms)
	s.schedule()
	for _, demand := range demands {
		if s.Conn.Closing() {
			return
		}
		if e := s.obey(demand.Command); e != nil {
			h.Log.Debug("not done when the webhook had answered", "conn", s.Conn.Id, "error", ErrorOf(e).Message)
		}
	}
}

// ended ends the connection if the application has demanded that while it was asked about.
func (s *Session) ended(demands []chat.Word) bool {
	for i := range demands {
		if endsConnection(demands[i].Command) {
			s.obey(demands[i].Command)
			return true
		}
	}
	return false
}

// welcome ends the connection of whoever was banned from all rooms, or whose token was revoked.
func (s *Session) welcome(claims token.Claims) bool {
	s.credential = chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}
	switch {
	case s.Hub.Moderation.Refuses(s.Info.User, s.credential):
		s.dismiss(disconnectInvalidToken)
	case s.Hub.Moderation.Forbids(s.Info.User, chat.ToSubscribe, ""):
		s.dismiss(DisconnectBanned)
	default:
		return true
	}
	return false
}

// enterGivenRooms subscribes the session to the rooms that it is given, in their order. The answer to connect is posted before any
// of them is heard.
func (s *Session) enterGivenRooms(result *protocol.ConnectResult, wishes map[string]*protocol.SubscribeRequest, rooms grants) {
	var entries []*Entry
	for i := range rooms.list {
		g := &rooms.list[i]
		entries = append(entries, s.entryOf(g, wishes[g.room]))
	}
	s.Join(entries, func() []*protocol.Reply {
		for _, e := range entries {
			if e.Err == nil {
				if result.Subs == nil {
					result.Subs = map[string]*protocol.SubscribeResult{}
				}
				result.Subs[e.Wish.Channel] = e.Result
			}
		}
		return nil // the reply is among those gathered
	})
}

// InfoIn is who the session is in a room that knows more of it.
func (s *Session) InfoIn(info []byte) *chat.ClientInfo {
	if len(info) == 0 {
		return s.Info
	}
	return &chat.ClientInfo{User: s.Info.User, Client: s.Client, ConnInfo: s.Info.ConnInfo, ChanInfo: AsJSON(info)}
}

// refresh gives a connection a new token before the old one has expired.
func (s *Session) refresh(id uint32, req *protocol.RefreshRequest) {
	checkToken(s, req.Token, s.Hub.Tokens.Connect, func(claims token.Claims, err error) {
		if err != nil {
			s.refuseToken(id, err, errRefreshExpired)
			return
		}
		s.refreshBy(id, claims)
	})
}

// refreshBy goes on with refresh when the token is known to be good.
func (s *Session) refreshBy(id uint32, claims token.Claims) {
	if claims.User != s.tokenUser {
		s.dismiss(disconnectInvalidToken)
		return
	}
	rooms := s.grantsByToken(claims)
	if s.tooMany(id, s.roomsAfter(rooms)) || !s.welcome(claims) {
		return
	}
	s.expires = ExpiryOf(claims.Expires)
	if claims.Meta != nil {
		s.meta = chat.Fitted(claims.Meta)
	}
	if claims.Info != nil {
		s.show(AsJSON(claims.Info))
	}
	enter := s.regrant(rooms)
	s.Reply(&protocol.Reply{Id: id, Refresh: &protocol.RefreshResult{
		Client:  s.Client,
		Version: ServerVersion,
		Expires: s.expires != 0,
		Ttl:     Ttl(claims.Expires),
	}})
	for i := range enter {
		if e := s.subscribeByServer(s.entryOf(&enter[i], nil)); e != nil {
			s.Hub.Log.Debug("room of a new token not entered", "conn", s.Conn.Id, "room", logqueue.Clip(enter[i].room), "error", ErrorOf(e).Message)
		}
	}
	s.schedule()
}

// show is how others see the session from now on: in what it says, and among who is present.
func (s *Session) show(info []byte) {
	s.Info = &chat.ClientInfo{User: s.Info.User, Client: s.Client, ConnInfo: info}
	s.Identity.Store(s.Info)
	for _, sub := range s.Subs {
		s.showIn(sub, sub.Info.ChanInfo)
	}
}

// subRefresh gives a subscription a new token before the old one has expired.
func (s *Session) subRefresh(id uint32, req *protocol.SubRefreshRequest) {
	sub := s.Find(req.Channel)
	if sub == nil || req.Type != 0 {
		s.fail(id, ErrDenied)
		return
	}
	s.subscriptionToken(id, req.Token, req.Channel, errRefreshExpired, func(claims token.SubClaims) {
		// The subscription may have ended while the token was verified.
		if sub := s.Find(req.Channel); sub != nil {
			s.subRefreshBy(id, sub, claims)
		} else {
			s.fail(id, ErrDenied)
		}
	})
}

// subRefreshBy goes on with subRefresh when the token is known to be good.
func (s *Session) subRefreshBy(id uint32, sub *Subscription, claims token.SubClaims) {
	sub.expires = ExpiryOf(claims.Expires)
	sub.credential = &chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}
	if claims.Info != nil {
		s.showIn(sub, claims.Info)
	}
	s.Reply(&protocol.Reply{Id: id, SubRefresh: &protocol.SubRefreshResult{
		Expires: sub.expires != 0,
		Ttl:     Ttl(claims.Expires),
	}})
	s.schedule()
}

// subscriptionToken checks a token for a room, and goes on with then if it is good. Else the command is answered, a token that has
// expired with expired.
func (s *Session) subscriptionToken(id uint32, text, room string, expired *protocol.Error, then func(token.SubClaims)) {
	checkToken(s, text, s.Hub.Tokens.Subscribe, func(claims token.SubClaims, err error) {
		if s.takesToken(id, claims, err, room, expired) {
			then(claims)
		}
	})
}

// takesToken says whether a subscription token is for this session and that room, or answers the command.
func (s *Session) takesToken(id uint32, claims token.SubClaims, err error, room string, expired *protocol.Error) bool {
	switch {
	case errors.Is(err, token.ErrExpired):
		s.fail(id, expired)
	case errors.Is(err, errVerifying):
		s.refuse(id, ErrTooManyRequests)
	case errors.Is(err, token.ErrKeysNotLoaded):
		s.fail(id, errInternal)
	case err == nil && s.Hub.Moderation.Refuses(s.Info.User, chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}):
		s.fail(id, ErrDenied)
	case err != nil:
		s.complainOfToken(err)
		s.fail(id, ErrDenied)
	case claims.Channel != room, claims.User != s.Info.User, claims.Client != "" && claims.Client != s.Client:
		// Of somebody else, or for another room: no accident.
		s.dismiss(disconnectInvalidToken)
	default:
		return true
	}
	return false
}

// Ttl is how many seconds are left until a moment, as the protocol has it.
func Ttl(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(min(max(time.Until(t).Round(time.Second), time.Second), MaxMoment) / time.Second)
}

// AsJSON is data as both encodings can carry it: what is no JSON becomes a string in base64.
func AsJSON(data []byte) []byte {
	if len(data) == 0 || utf8.Valid(data) && cfjson.Valid(data) {
		return chat.Fitted(data)
	}
	return chat.Fitted(cfjson.AppendString(nil, base64.StdEncoding.EncodeToString(data)))
}
