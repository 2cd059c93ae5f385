package session

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/webhook"
)

// publish handles the command publish.
func (s *Session) publish(id uint32, req *protocol.PublishRequest) {
	in := s.roomRef(req.Channel)
	if in.Options.PublishProxy && s.proxyQueueFull(OnPublish) {
		s.reject(id, ErrTooManyRequests)
		return
	}
	pub, ok := PublicationOf(req.Data)
	if !chat.ValidRoomName(req.Channel) || req.Type != 0 || len(req.Data) == 0 || !ok {
		s.fail(id, ErrBadRequest)
		return
	}
	if e := s.Sessions.Admit(s.actorIn(in), in, len(req.Data)); e != nil {
		s.reject(id, ErrorOf(e))
		return
	}
	pub.Info = s.Info()
	if in.Membership != nil {
		pub.Info = in.Membership.Info
	}
	charged, ok := s.charge(id, in)
	if !ok {
		return
	}
	if in.Options.PublishProxy {
		s.proxyPublish(id, in, req.Data, pub, charged)
		return
	}
	s.publishNow(id, in, pub, chat.PublishOptions{}, charged)
}

// publishNow publishes without further checks, and replies. In a durable room the reply is sent when the publication is on disk.
func (s *Session) publishNow(id uint32, in chat.RoomRef, pub chat.Publication, o chat.PublishOptions, charged charge) {
	o.Trace, o.Slow = s.Sessions.Tracer.Publication(context.Background(), in.Name, pub.Bytes()), charged.slow
	if in.Options.IsChat() {
		s.publishTalk(id, in, pub, o, charged)
		return
	}
	if in.Options.Durable {
		s.watchBacklog(s.Sessions.Propose(in, pub, o, func(_ chat.StreamPosition, e *chat.Rejection) {
			s.replyLater(&protocol.Reply{Id: id, Publish: &protocol.PublishResult{}}, e)
		}))
		return
	}
	r, _ := s.Sessions.Publish(in, pub, o)
	s.watchBacklog(r)
	s.Reply(&protocol.Reply{Id: id, Publish: &protocol.PublishResult{}})
}

// publishTalk is publishNow in a chat room, which checks the publication. The charge is refunded if nothing is published.
func (s *Session) publishTalk(id uint32, in chat.RoomRef, pub chat.Publication, o chat.PublishOptions, charged charge) {
	reply := &protocol.Reply{Id: id, Publish: &protocol.PublishResult{}}
	var r *chat.Room
	if in.Options.Durable {
		r = s.Sessions.ProposeTalk(in, pub, o, func(_ chat.StreamPosition, e *chat.Rejection) { s.replyLater(reply, e) })
	} else {
		var e *chat.Rejection
		if r, _, e = s.Sessions.PublishTalk(in, pub, o); e != nil {
			s.reject(id, ErrorOf(e))
		} else {
			s.Reply(reply)
		}
	}
	if r == nil {
		s.refund(charged)
		return
	}
	s.watchBacklog(r)
}

// proxyPublish requests the decision of the application about a publication. If it is rejected, its charge is refunded.
func (s *Session) proxyPublish(id uint32, in chat.RoomRef, data []byte, pub chat.Publication, charged charge) {
	reject := func(e *protocol.Error) {
		s.refund(charged)
		s.reject(id, e)
	}
	r := s.proxyRequest(OnPublish)
	r.Channel, r.Data = in.Name, data
	s.proxy(r, func(a *webhook.Reply) {
		// Membership and sanctions may have changed since.
		in := s.refreshRef(in)
		if e := s.Sessions.Admit(s.actorIn(in), in, len(data)); e != nil {
			reject(ErrorOf(e))
			return
		}
		published := pub
		if a.Data != nil {
			var ok bool
			if published, ok = PublicationOf(a.Data); !ok {
				s.Sessions.Hooks.logFailure(OnPublish, errTooDeep)
				reject(errInternal)
				return
			}
			published.Info = pub.Info
		}
		published.Tags = a.Tags
		s.publishNow(id, in, published, chat.PublishOptions{SkipHistory: a.SkipHistory}, charged)
	}, reject)
}
