package server

import "github.com/centrifugal/protocol"

// publish publishes what the session's client asks for.
func (s *session) publish(id uint32, req *protocol.PublishRequest) {
	in := s.viewOf(req.Channel)
	if in.options.PublishProxy && s.hub.hooks.crowded(s, onPublish) {
		s.refuse(id, errTooManyRequests)
		return
	}
	pub, ok := ofSDK(req.Data)
	if !validRoomName(req.Channel) || req.Type != 0 || len(req.Data) == 0 || !ok {
		s.fail(id, errBadRequest)
		return
	}
	if e := s.hub.admit(s.in(in), in, len(req.Data)); e != nil {
		s.refuse(id, errorOf(e))
		return
	}
	pub.info = s.info
	if in.place != nil {
		pub.info = in.place.info
	}
	f, ok := s.pay(id, in)
	if !ok {
		return
	}
	if in.options.PublishProxy {
		s.askPublish(id, req, pub, f)
		return
	}
	s.say(id, in, pub, sayOptions{})
}

// say says what the session may say.
func (s *session) say(id uint32, in view, pub publication, o sayOptions) {
	r, _ := s.hub.say(in, pub, o)
	s.spokeIn(r)
	s.reply(&protocol.Reply{Id: id, Publish: &protocol.PublishResult{}})
}

// spokeIn has the session wait for a room that is behind. If it waits for one already it goes on with that.
func (s *session) spokeIn(r *room) {
	if s.talksIn == nil || !s.talksIn.Congested() {
		s.talksIn = r
	}
}
