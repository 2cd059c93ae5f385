package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// publish publishes what the session's client asks for.
func (s *Session) publish(id uint32, req *protocol.PublishRequest) {
	in := s.viewOf(req.Channel)
	if in.Options.PublishProxy && s.Hub.Hooks.crowded(s, OnPublish) {
		s.refuse(id, ErrTooManyRequests)
		return
	}
	pub, ok := OfSDK(req.Data)
	if !chat.ValidRoomName(req.Channel) || req.Type != 0 || len(req.Data) == 0 || !ok {
		s.fail(id, ErrBadRequest)
		return
	}
	if e := s.Hub.Admit(s.in(in), in, len(req.Data)); e != nil {
		s.refuse(id, ErrorOf(e))
		return
	}
	pub.Info = s.Info
	if in.Place != nil {
		pub.Info = in.Place.Info
	}
	f, ok := s.pay(id, in)
	if !ok {
		return
	}
	if in.Options.PublishProxy {
		s.askPublish(id, req, pub, f)
		return
	}
	s.say(id, in, pub, chat.SayOptions{})
}

// say says what the session may say.
func (s *Session) say(id uint32, in chat.View, pub chat.Publication, o chat.SayOptions) {
	r, _ := s.Hub.Say(in, pub, o)
	s.spokeIn(r)
	s.Reply(&protocol.Reply{Id: id, Publish: &protocol.PublishResult{}})
}

// spokeIn has the session wait for a room that is behind. If it waits for one already it goes on with that.
func (s *Session) spokeIn(r *chat.Room) {
	if s.talksIn == nil || !s.talksIn.Congested() {
		s.talksIn = r
	}
}
