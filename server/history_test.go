package server

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// A room that only was looked into is forgotten with its last member. Nobody misses anything by that: where something is said
// there afterwards, its offsets count on from the position that was told.
func TestARoomWithoutPublicationsIsReleased(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	c := connectSDK(t, s, "")
	for n := range 50 {
		c.sendLine(`{"id":2,"subscribe":{"channel":"room%d"}}`+"\n"+`{"id":3,"unsubscribe":{"channel":"room%d"}}`, n, n)
		c.line()
		c.expectLine(`{"id":3,"unsubscribe":{}}`)
	}
	if got := s.hub.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms kept, want none", got)
	}
	c.sendLine(`{"id":4,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	c.sendLine(`{"id":5,"unsubscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":5,"unsubscribe":{}}`)
	s.hub.Publish(s.hub.RoomRef("x"), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{})
	c.sendLine(`{"id":6,"subscribe":{"channel":"x","recover":true,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"publications":[{"data":1,"offset":1,`) || !strings.Contains(got, `"recovered":true`) {
		t.Errorf("got %s, want what was said meanwhile", got)
	}
}

// What a plain client says while it is counted out is said in the room of that name that there is then.
func TestAPublicationAfterTheRoomEndedGoesToTheNewRoom(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	first := dial(t, s, "x")
	yesterday := roomOf(s, "x")
	first.conn.Close()
	eventually(t, "the room to be forgotten", func() bool { return s.hub.Rooms.Count() == 0 })
	second := dial(t, s, "x")
	today := roomOf(s, "x")
	s.hub.PublishPlain(yesterday, ws.OpText, []byte("last words"))
	second.expect(ws.OpText, "last words")
	s.hub.ExpireRooms(s.hub.Clock.Tick() + fanout.InTicks(time.Hour))
	if roomOf(s, "x") != today {
		t.Error("the room is forgotten while somebody is in it")
	}
}
