package server

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// A room without publications is released with its last member. No client misses anything: later publications continue the offsets from the
// position that was sent.
func TestARoomWithoutPublicationsIsReleased(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	c := connectSDK(t, s, "")
	for n := range 50 {
		c.sendLine(`{"id":2,"subscribe":{"channel":"room%d"}}`+"\n"+`{"id":3,"unsubscribe":{"channel":"room%d"}}`, n, n)
		c.line()
		c.expectLine(`{"id":3,"unsubscribe":{}}`)
	}
	if got := s.sessions.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms kept, want none", got)
	}
	c.sendLine(`{"id":4,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	c.sendLine(`{"id":5,"unsubscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":5,"unsubscribe":{}}`)
	s.sessions.Publish(s.sessions.RoomRef("x"), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{})
	c.sendLine(`{"id":6,"subscribe":{"channel":"x","recover":true,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"publications":[{"data":1,"offset":1,`) || !strings.Contains(got, `"recovered":true`) {
		t.Errorf("got %s, want the publications in between", got)
	}
}

// A message of a plain client that arrives after its room was released is published in the new room of that name.
func TestAPublicationAfterTheRoomEndedGoesToTheNewRoom(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	first := dial(t, s, "x")
	yesterday := roomOf(s, "x")
	first.conn.Close()
	eventually(t, "the room to be released", func() bool { return s.sessions.Rooms.Count() == 0 })
	second := dial(t, s, "x")
	today := roomOf(s, "x")
	s.sessions.PublishPlain(yesterday, ws.OpText, []byte("last words"))
	second.expect(ws.OpText, "last words")
	s.sessions.ExpireRooms(s.sessions.Clock.Tick() + fanout.InTicks(time.Hour))
	if roomOf(s, "x") != today {
		t.Error("the room is released while it has a member")
	}
}
