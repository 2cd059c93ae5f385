package server

import (
	"testing"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The options of a room are looked up once per publication or subscription. A new room gets the options that were found.
func TestARoomIsCreatedWithItsOptions(t *testing.T) {
	s := silentSession(session.JSONEncoding)
	found := func(room string) chat.RoomRef {
		options := *s.Sessions.OptionsOf(room)
		return chat.RoomRef{Name: room, Options: &options} // different from those of another look-up
	}
	published, subscribed := found("published"), found("subscribed")
	pub, _ := session.PublicationOf([]byte(`"hi"`))
	s.Sessions.Publish(published, pub, chat.PublishOptions{})
	e := &session.JoinAttempt{Requested: &protocol.SubscribeRequest{Channel: subscribed.Name}, Info: s.Info()}
	e.Room = subscribed
	s.Join([]*session.JoinAttempt{e}, func() []*protocol.Reply { return nil })
	for _, in := range []chat.RoomRef{published, subscribed} {
		r, unlock := s.Sessions.Rooms.Find(in.Name)
		unlock()
		if r == nil || r.Options() != in.Options {
			t.Errorf("%s: the options were looked up again", in.Name)
		}
	}
}
