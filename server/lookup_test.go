package server

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// A command looks the options of its room up once, also if it waits for the application. Here the
// pattern is another one when the application has answered, and rooms without a pattern are closed.
func TestACommandLooksTheOptionsUpOnce(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	wait := func(question) string { asked <- struct{}{}; <-answer; return `{"result":{}}` }
	a := startApplication(t, map[string]func(question) string{session.OnPublish: wait, session.OnSubscribe: wait})
	s := startHooked(t, a, func(c *Config) {
		o := chat.DefaultRoom()
		o.Pattern, o.Publish, o.PublishProxy, o.HistorySize, o.HistoryTTL = "tea", chat.Anyone, true, 10, time.Hour
		c.Rooms, c.OtherRooms = []chat.RoomOptions{o}, chat.RoomsClosed
	})
	options := s.sessions.OptionsOf("tea")
	c := connectSDK(t, s, tokenOf("ann"))
	poller := sessionOf(t, s, "ann").Conn.Poller()
	rename := func(pattern string) {
		done := make(chan struct{})
		poller.Post(func() { options.Pattern = pattern; close(done) })
		<-done
	}
	for _, tt := range []struct{ command, want string }{
		{`{"id":2,"publish":{"channel":"tea","data":1}}`, `{"id":2,"publish":{}}`},
		{`{"id":3,"subscribe":{"channel":"tea","recoverable":true}}`, `{"id":3,"subscribe":{"recoverable":true`},
		{`{"id":4,"publish":{"channel":"tea","data":2}}`, `{"push":{"channel":"tea","pub":{"data":2`},
	} {
		c.sendLine("%s", tt.command)
		<-asked
		rename("coffee")
		answer <- struct{}{}
		if got := c.line(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.command, got, tt.want)
		}
		rename("tea")
	}
	if r := roomOf(s, "tea"); r == nil || r.Options() != options {
		t.Errorf("got room %p, want one with the options that were looked up", r)
	}
}
