package session

import (
	"github.com/throng-chat/throng/server/chat"
)

// Who a session is, as others see it.

// InfoIn is who the session is in a room that knows more of it.
func (s *Session) InfoIn(info []byte) *chat.ClientInfo {
	if len(info) == 0 {
		return s.Info
	}
	return &chat.ClientInfo{User: s.Info.User, Client: s.Client, ConnInfo: s.Info.ConnInfo, ChanInfo: AsJSON(info)}
}

// show is how others see the session from now on: in what it says, and among who is present.
func (s *Session) show(info []byte) {
	s.Info = &chat.ClientInfo{User: s.Info.User, Client: s.Client, ConnInfo: info}
	s.Identity.Store(s.Info)
	for _, sub := range s.Subs {
		s.showIn(sub, sub.Info.ChanInfo)
	}
}

// showIn is how others see the session in one room from now on.
func (s *Session) showIn(sub *Subscription, info []byte) {
	shown := s.InfoIn(info)
	sub.ShowAs(shown)
}
