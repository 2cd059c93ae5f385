package server

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// Slow mode counts a user with an account by its user ID, and guests and clients without a user also by their address.
func TestThePublisherKeyOfSlowMode(t *testing.T) {
	s := startBackend(t)
	connectSDK(t, s, userToken("ann"))
	c := sessionOf(t, s, "ann").Conn
	at := netip.MustParseAddr("127.0.0.1")
	for user, want := range map[string]chat.Publisher{"ann": {User: "ann"}, "guest:x": {User: "guest:x", Address: at}, "": {User: "", Address: at}, "guest": {User: "guest"}} {
		if got := chat.PublisherOf(c, user); got != want {
			t.Errorf("%q: got %v, want %v", user, got, want)
		}
	}
}

// Slow mode counts a connection without a user by its address, so a new connection waits like the old one.
func TestAReconnectDoesNotResetSlowMode(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.Publish = chat.Anyone
	s := startAPI(t, o)
	call(t, s, "slow_mode", `{"channel":"x","seconds":1000}`)
	call(t, s, "slow_mode", `{"channel":"y","seconds":1000}`)
	const wait, done = `{"id":77,"error":{"code":111,"message":"too many requests","temporary":true}}`, `{"id":77,"publish":{}}`
	for i, want := range []string{done, wait, wait} {
		c := connectSDK(t, s, "")
		if got := c.answerTo(`"publish":{"channel":"x","data":1}`); got != want {
			t.Errorf("connection %d: got %s, want %s", i, got, want)
		}
		c.conn.Close()
	}
	plain := dial(t, s, "y")
	plain.send(ws.OpText, "one")
	plain.expect(ws.OpText, "one")
	again := dial(t, s, "y")
	again.send(ws.OpText, "two")
	again.expectCloseCode(ws.ClosePolicy)
	if value(t, s, "throng_slow_mode_publishers", "") != 2 {
		t.Error("want one publisher in each of two rooms")
	}
}

// A publication that the application or another limit rejects does not count for a limit.
func TestARejectedPublicationUsesNoLimit(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*Config, *chat.RoomOptions){
		"the room's rate": func(_ *Config, o *chat.RoomOptions) { o.Rate = 1 },
		"the user's rate": func(c *Config, _ *chat.RoomOptions) { c.RateUser = 1 },
		"slow mode":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			a := startApplication(t, map[string]func(question) string{session.OnPublish: func(q question) string {
				if strings.Contains(string(q.Data), "bad") {
					return `{"error":{"code":1000,"message":"no such words here"}}`
				}
				return `{"result":{}}`
			}})
			s := startHooked(t, a, func(c *Config) {
				o := chat.DefaultRoom()
				o.Publish, o.PublishProxy = chat.Anyone, true
				if limit != nil {
					limit(c, &o)
				}
				c.Rooms = []chat.RoomOptions{o}
			})
			if limit == nil && !s.sessions.Moderation.SetSlowMode("x", time.Hour) {
				t.Fatal("not slow")
			}
			c := connectSDK(t, s, userToken("ann"))
			for i := range 20 {
				if got := c.answerTo(`"publish":{"channel":"x","data":"bad"}`); !strings.Contains(got, `"code":1000`) {
					t.Fatalf("rejected publication %d: got %s", i, got)
				}
			}
			if got := c.answerTo(`"publish":{"channel":"x","data":"good"}`); got != `{"id":77,"publish":{}}` {
				t.Errorf("got %s for the first accepted one", got)
			}
			if limit == nil {
				if got := c.answerTo(`"publish":{"channel":"x","data":"good"}`); !strings.Contains(got, `"code":111`) {
					t.Errorf("got %s for the second accepted one in slow mode", got)
				}
			}
		})
	}
}

// A publication that slow mode rejects does not count for the rates.
func TestSlowModeUsesNoRate(t *testing.T) {
	t.Parallel()
	s := startLimited(t, func(c *Config) {
		o := chat.DefaultRoom()
		o.Publish, o.Rate = chat.Anyone, 1
		c.Rooms, c.RateUser = []chat.RoomOptions{o}, 1
	})
	s.sessions.Moderation.SetSlowMode("x", time.Hour)
	c := connectSDK(t, s, userToken("ann"))
	c.answerTo(`"publish":{"channel":"x","data":1}`)
	for range 20 {
		c.answerTo(`"publish":{"channel":"x","data":1}`)
	}
	s.sessions.Moderation.SetSlowMode("x", 0)
	if got := c.answerTo(`"publish":{"channel":"x","data":1}`); got != `{"id":77,"publish":{}}` {
		t.Errorf("got %s, want the second of the burst", got)
	}
}
