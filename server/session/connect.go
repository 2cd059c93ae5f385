package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
)

// The command connect: a client authenticates with a token, or connects as a guest without one.

// ServerVersion is the version in the reply to connect. SDKs require one that is not empty.
const ServerVersion = "throng"

// connect handles the first command of every connection.
func (s *Session) connect(id uint32, req *protocol.ConnectRequest) {
	if s.proxyQueueFull(OnConnect) {
		s.fail(id, ErrTooManyRequests)
		s.State = rejected
		return
	}
	if req.Token == "" {
		if !s.Sessions.Settings().Guests && !s.Sessions.Hooks.wants(OnConnect) {
			s.Sessions.logs.noToken.Do(func() {
				s.Sessions.Log.Warn("client without a token rejected, because guests are off; logged at most once per second", "conn", s.Conn.ID)
			})
			s.flushAndDisconnect(disconnectNoToken)
			return
		}
		s.continueConnect(id, req, token.Claims{})
		return
	}
	checkToken(s, req.Token, s.Sessions.Tokens.Connect, func(claims token.Claims, err error) {
		if err != nil {
			s.endAdmission()
			s.rejectToken(id, err)
			return
		}
		s.keepToken(func(t *connectionToken) { t.user = claims.User })
		s.continueConnect(id, req, claims)
	})
}

// continueConnect continues connect after the token, if any, was verified.
func (s *Session) continueConnect(id uint32, req *protocol.ConnectRequest, claims token.Claims) {
	if s.Sessions.Hooks.wants(OnConnect) {
		s.proxyConnect(id, req, claims)
		return
	}
	s.establish(id, req, claims, nil)
}

// proxyConnect requests the decision of the application. The fields of its reply replace those of the token.
func (s *Session) proxyConnect(id uint32, req *protocol.ConnectRequest, claims token.Claims) {
	sent := time.Now()
	r := s.proxyRequest(OnConnect)
	r.User, r.Meta, r.Data, r.Name, r.Version = claims.User, claims.Meta, req.Data, req.Name, req.Version
	r.Channels = slices.Sorted(maps.Keys(req.Subs))
	s.frameLeft += int32(len(req.Subs) * PausedRoomOverhead)
	s.beginAdmission()
	s.proxy(r, func(a *webhook.Reply) {
		if a.User != "" {
			claims.User = a.User
		}
		if a.Info != nil {
			claims.Info = a.Info
		}
		if a.Meta != nil {
			claims.Meta = a.Meta
		}
		if !a.ExpireAt.IsZero() {
			claims.Expires = a.ExpireAt
		}
		if req.Token == "" {
			claims.IssuedAt = sent // as if a token was issued for this connection
		}
		s.establish(id, req, claims, a)
	}, func(e *protocol.Error) {
		s.endAdmission()
		s.fail(id, e)
		s.State = rejected
	})
}

// establish completes connect: it sets the user and subscribes the session to its server-side rooms. reply is the reply of the application; nil
// without a proxy request.
func (s *Session) establish(id uint32, req *protocol.ConnectRequest, claims token.Claims, reply *webhook.Reply) {
	h := s.Sessions
	rooms := s.grantsOf(claims, reply)
	if s.tooMany(id, claims.User, len(rooms.list)) {
		s.endAdmission()
		s.rejectConnect()
		return
	}
	s.identify(claims.User, AsJSON(claims.Info))
	s.keepMeta(claims.Meta)
	if req.Token == "" && claims.User != "" {
		s.keepToken(func(t *connectionToken) { t.user = claims.User })
	}
	user, commands, e := h.AddUser(s, claims.User, s.firstCommand())
	s.User = user
	s.endAdmission()
	switch {
	case e == chat.RejectLimit:
		s.flushAndDisconnect(disconnectTooManyOfUser)
		return
	case e != nil:
		s.fail(id, ErrorOf(e))
		s.rejectConnect()
		return
	}
	// After AddUser: a ban or revocation ends the connections that are counted at that time.
	if !s.checkSanctions(claims) || s.ended(commands) {
		return
	}
	s.State = Connected
	if h.Watchers.On() {
		h.Watchers.Note(chat.ClientConnected, s.Conn, "", s.Info())
	}
	h.NoteSeen(claims.User)
	s.expires = expiryOf(claims.Expires)
	s.Conn.Pinged.Store(0)
	s.due.PingAt.Store(uint32(h.Heartbeat.FirstPing(s.Conn)))

	result := &protocol.ConnectResult{
		Client:  s.ClientID(),
		Version: ServerVersion,
		Ping:    uint32((h.pingInterval + time.Second - 1) / time.Second),
		Pong:    true,
	}
	if reply != nil {
		result.Data = AsJSON(reply.Data)
	}
	s.describeStream(result)
	if req.Token != "" {
		// Only a new token can extend the connection. A client without a token is disconnected then, reconnects, and the application decides again.
		result.Expires, result.Ttl = s.expires != 0, ttl(claims.Expires)
	}
	s.Reply(&protocol.Reply{Id: id, Connect: result})
	s.joinGrantedRooms(result, req.Subs, rooms)
	s.schedule()
	for _, command := range commands {
		if s.Conn.Closing() {
			return
		}
		if e := s.apply(command.Command); e != nil {
			h.Metrics.PendingCommandsFailed.Inc()
			h.logs.command.Do(func() {
				h.Log.Warn("command of the application failed after connect; logged at most once per second",
					"conn", s.Conn.ID, "user", logqueue.Clip(s.userID()), "command", strings.TrimPrefix(fmt.Sprintf("%T", command.Command), "chat."), "error", ErrorOf(e).Message)
			})
		}
	}
}

// ended ends the connection if the application sent a disconnect during the admission, and reports whether it did.
func (s *Session) ended(commands []chat.TargetedCommand) bool {
	for i := range commands {
		if endsConnection(commands[i].Command) {
			s.apply(commands[i].Command)
			return true
		}
	}
	return false
}

// joinGrantedRooms subscribes the session to its server-side rooms, in their order. The reply to connect precedes all publications of them.
func (s *Session) joinGrantedRooms(result *protocol.ConnectResult, requested map[string]*protocol.SubscribeRequest, rooms grants) {
	var attempts []*JoinAttempt
	for i := range rooms.list {
		g := &rooms.list[i]
		attempts = append(attempts, s.joinOf(g, requested[g.room]))
	}
	s.Join(attempts, func() (pushes []*protocol.Reply) { // behind the reply to connect, which is in the frame already
		for _, join := range attempts {
			if join.Err != nil {
				continue
			}
			if result.Subs == nil {
				result.Subs = map[string]*protocol.SubscribeResult{}
			}
			result.Subs[join.Requested.Channel] = join.Result
			if !join.Recovered && !join.WithDelta { // of rewind: SDKs ignore the publications of a reply without a recovery
				pushes = append(pushes, s.publicationPushes(join)...)
			}
		}
		return pushes
	})
	for i, join := range attempts {
		if join.Err != nil {
			s.notJoined(&rooms.list[i], join.Err)
		}
	}
}
