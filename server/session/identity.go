package session

import (
	"github.com/throng-chat/throng/server/chat"
)

// The information about a session that other clients receive.

// InfoIn returns the information for a room with its own channel info, which is JSON; empty for none.
func (s *Session) InfoIn(info []byte) *chat.ClientInfo {
	if len(info) == 0 {
		return s.Info
	}
	return &chat.ClientInfo{User: s.Info.User, Client: s.Client, ConnInfo: s.Info.ConnInfo, ChanInfo: AsJSON(info)}
}

// setInfo changes the connection info: of later publications, and in the presence of all rooms. Called on the poller.
func (s *Session) setInfo(info []byte) {
	s.Info = &chat.ClientInfo{User: s.Info.User, Client: s.Client, ConnInfo: info}
	s.Identity.Store(s.Info)
	for _, sub := range s.Subs {
		s.setInfoIn(sub, sub.Info.ChanInfo)
	}
}

// setInfoIn changes the channel info in one room.
func (s *Session) setInfoIn(sub *Subscription, info []byte) {
	shown := s.InfoIn(info)
	sub.SetInfo(shown)
}
