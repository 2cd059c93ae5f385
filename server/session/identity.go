package session

import (
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// The information about a session that other clients receive.

// ClientID returns the public ID of the connection. Any goroutine may call it.
func (s *Session) ClientID() string {
	if info := s.Identity.Load(); info != nil {
		return info.Client
	}
	return clientID(s.Sessions.clientPrefix, s.Conn.ID)
}

// userID returns the user; empty before connect and for an anonymous client. Any goroutine may call it.
func (s *Session) userID() string {
	if info := s.Identity.Load(); info != nil {
		return info.User
	}
	return ""
}

// identify sets the user and the connection info. An anonymous client without info needs no memory for them until others receive its ID.
func (s *Session) identify(user string, info []byte) {
	if user != "" || len(info) > 0 {
		s.Identity.Store(&chat.ClientInfo{User: user, Client: s.ClientID(), ConnInfo: info})
	}
}

// Info returns the information for other clients. Called on the poller, after connect.
func (s *Session) Info() *chat.ClientInfo {
	info := s.Identity.Load()
	if info == nil {
		info = &chat.ClientInfo{Client: s.ClientID()}
		s.Identity.Store(info)
	}
	return info
}

// InfoIn returns the information for a room with its own channel info, which is JSON; empty for none.
func (s *Session) InfoIn(info []byte) *chat.ClientInfo {
	if len(info) == 0 {
		return s.Info()
	}
	all := s.Info()
	return &chat.ClientInfo{User: all.User, Client: all.Client, ConnInfo: all.ConnInfo, ChanInfo: AsJSON(info)}
}

// setInfo changes the connection info: of later publications, and in the presence of all rooms. Called on the poller.
func (s *Session) setInfo(info []byte) {
	s.Identity.Store(&chat.ClientInfo{User: s.userID(), Client: s.ClientID(), ConnInfo: info})
	for _, sub := range s.Subs {
		s.setInfoIn(sub, sub.Info.ChanInfo)
	}
}

// setInfoIn changes the channel info in one room.
func (s *Session) setInfoIn(sub *Subscription, info []byte) {
	shown := s.InfoIn(info)
	sub.SetInfo(shown)
}

// Describe returns the user, the client ID and the close frame. Any goroutine may call it.
func (s *Session) Describe() fanout.Description {
	d := fanout.Description{User: s.userID(), Client: s.ClientID()}
	if frame := s.CloseFrame.Load(); frame != nil {
		d.Code, d.Text = frame.Code, frame.Text
	}
	return d
}

// SDKClient returns the client ID and the user of a connection; both are empty for a plain client. Any goroutine may call it.
func SDKClient(c *fanout.Conn) (client, user string) {
	s, ok := c.Handler.(*Session)
	if !ok {
		return "", ""
	}
	return s.ClientID(), s.userID()
}
