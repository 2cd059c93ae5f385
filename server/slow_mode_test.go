package server

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// startSlowMode is moderation in which rooms are slow, and its clock.
func startSlowMode(t *testing.T, pause time.Duration, rooms ...string) (*chat.Moderation, *time.Time) {
	t.Helper()
	now := time.Now()
	m := chat.NewModeration()
	m.Now = func() time.Time { return now }
	for _, room := range rooms {
		if !m.SetSlowMode(room, pause) {
			t.Fatalf("%s cannot be made slow", room)
		}
	}
	return m, &now
}

func says(m *chat.Moderation, user, room string) bool {
	_, ok := m.AllowInSlowMode(chat.Publisher{User: user}, room)
	return ok
}

// What is remembered is bounded, and a newcomer may always publish: the publisher that did so longest ago is forgotten for it.
func TestAFullSlowModeTableBlocksNoPublisher(t *testing.T) {
	t.Parallel()
	m, now := startSlowMode(t, time.Hour, "slow")
	for i := range chat.MaxSlowModePublishers + 1000 {
		if !says(m, fmt.Sprint(i), "slow") {
			t.Fatalf("newcomer %d may not publish", i)
		}
		*now = now.Add(time.Millisecond)
	}
	if waiting, forgot := m.SlowModePublishers(); waiting != chat.MaxSlowModePublishers || forgot != 1000 {
		t.Errorf("got %d remembered and %d forgotten, want %d and 1000", waiting, forgot, chat.MaxSlowModePublishers)
	}
	if says(m, fmt.Sprint(1000+1), "slow") {
		t.Error("one that is remembered need not wait")
	}
	if !says(m, "0", "slow") {
		t.Error("one that was forgotten must wait")
	}
	*now = now.Add(2 * time.Hour)
	if m.ExpireLocked(); m.SlowMode.Rooms["slow"] != nil {
		t.Error("those who need not wait any more are remembered")
	}
}

// One slow room takes no place of another's, and all together keep the bound.
func TestEachSlowRoomHasItsShare(t *testing.T) {
	t.Parallel()
	m, _ := startSlowMode(t, time.Hour, "busy", "quiet")
	if !says(m, "ann", "quiet") {
		t.Fatal("the first may not publish")
	}
	for i := range chat.MaxSlowModePublishers {
		says(m, fmt.Sprint(i), "busy")
	}
	if says(m, "ann", "quiet") {
		t.Error("the busy room had a publisher of the quiet one forgotten")
	}
	if got := m.SlowMode.Rooms["busy"].Count; got != chat.MaxSlowModePublishers/2 {
		t.Errorf("got %d remembered in one of two rooms, want %d", got, chat.MaxSlowModePublishers/2)
	}
	m.SetSlowMode("third", time.Hour)
	if got := m.SlowMode.Rooms["busy"].Count; got != chat.MaxSlowModePublishers/3 {
		t.Errorf("got %d remembered in one of three rooms, want %d", got, chat.MaxSlowModePublishers/3)
	}
	m.SetSlowMode("busy", 0)
	if waiting, _ := m.SlowModePublishers(); waiting != 1 {
		t.Errorf("got %d remembered when the room is slow no more, want ann", waiting)
	}
}

// Publishers who need not wait any more are forgotten as others publish, without a search.
func TestASlowRoomExpiresEntriesGradually(t *testing.T) {
	t.Parallel()
	m, now := startSlowMode(t, time.Second, "slow")
	for i := range 100_000 {
		says(m, fmt.Sprint(i), "slow")
		*now = now.Add(time.Millisecond)
	}
	if got := m.SlowMode.Rooms["slow"].Count; got > 1001 {
		t.Errorf("got %d remembered, want those of the last second", got)
	}
}

func TestARejectedPublicationStartsNoSlowModeWait(t *testing.T) {
	m, now := startSlowMode(t, time.Hour, "slow")
	for _, who := range []chat.Publisher{{User: "ann"}, {User: chat.GuestPrefix + "x", Address: netip.MustParseAddr("10.0.0.1")}, {Address: netip.MustParseAddr("10.0.0.1")}} {
		for range 20 {
			w, ok := m.AllowInSlowMode(who, "slow")
			if !ok {
				t.Fatalf("%v must wait for what it did not say", who)
			}
			m.UndoSlowMode(w)
		}
		w, _ := m.AllowInSlowMode(who, "slow")
		if _, ok := m.AllowInSlowMode(who, "slow"); ok {
			t.Errorf("%v need not wait for what it said", who)
		}
		*now = now.Add(time.Hour)
		m.AllowInSlowMode(who, "slow")
		m.UndoSlowMode(w) // of an hour ago: not what it says now
		if _, ok := m.AllowInSlowMode(who, "slow"); ok {
			t.Errorf("%v took back another word", who)
		}
		*now = now.Add(time.Hour)
	}
	m.UndoSlowMode(chat.SlowModeCount{})
}

// Guests may make themselves new ones: those of one address share a number of publications.
func TestGuestsOfOneAddressShareSlowMode(t *testing.T) {
	m, now := startSlowMode(t, time.Hour, "slow")
	at := func(address string, guest int) bool {
		_, ok := m.AllowInSlowMode(chat.Publisher{User: fmt.Sprint(chat.GuestPrefix, guest), Address: netip.MustParseAddr(address)}, "slow")
		return ok
	}
	for range 2 {
		for i := range 2 * chat.GuestPublications {
			if got, want := at("10.0.0.1", i), i < chat.GuestPublications; got != want {
				t.Errorf("guest %d of an address: got %v, want %v", i, got, want)
			}
		}
		if !at("10.0.0.2", 99) || at("10.0.0.2", 99) {
			t.Error("a guest of another address: want it to publish once")
		}
		*now = now.Add(time.Hour)
	}
}

// A user with an account waits for nobody else at its address; a guest, and who has no name, does.
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

// A connection without a user is its address, so that a new connection has to wait like the old one.
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

// A limit is not used up by what the application refuses, nor by what another limit refuses.
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
			if limit == nil && !s.hub.Moderation.SetSlowMode("x", time.Hour) {
				t.Fatal("not slow")
			}
			c := connectSDK(t, s, userToken("ann"))
			for i := range 20 {
				if got := c.answerTo(`"publish":{"channel":"x","data":"bad"}`); !strings.Contains(got, `"code":1000`) {
					t.Fatalf("publication %d that is refused: got %s", i, got)
				}
			}
			if got := c.answerTo(`"publish":{"channel":"x","data":"good"}`); got != `{"id":77,"publish":{}}` {
				t.Errorf("got %s for the first good one", got)
			}
			if limit == nil {
				if got := c.answerTo(`"publish":{"channel":"x","data":"good"}`); !strings.Contains(got, `"code":111`) {
					t.Errorf("got %s for the second good one in slow mode", got)
				}
			}
		})
	}
}

// Waiting for slow mode does not use up the rates.
func TestSlowModeUsesNoRate(t *testing.T) {
	t.Parallel()
	s := startLimited(t, func(c *Config) {
		o := chat.DefaultRoom()
		o.Publish, o.Rate = chat.Anyone, 1
		c.Rooms, c.RateUser = []chat.RoomOptions{o}, 1
	})
	s.hub.Moderation.SetSlowMode("x", time.Hour)
	c := connectSDK(t, s, userToken("ann"))
	c.answerTo(`"publish":{"channel":"x","data":1}`)
	for range 20 {
		c.answerTo(`"publish":{"channel":"x","data":1}`)
	}
	s.hub.Moderation.SetSlowMode("x", 0)
	if got := c.answerTo(`"publish":{"channel":"x","data":1}`); got != `{"id":77,"publish":{}}` {
		t.Errorf("got %s, want the second of the burst", got)
	}
}
