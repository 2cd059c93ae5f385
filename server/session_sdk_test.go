package server

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// Faults that the real SDKs found (server/sdk), tested without the SDKs.

// rememberingRoom returns the options of a room with recovery.
func rememberingRoom(pattern string) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery = pattern, 10, time.Minute, true
	return o
}

// While a room has no member with an encoding, nothing is posted for that encoding. A member that joins later has not missed these
// publications.
func TestPublicationsToAnEmptyRoomAreNoGap(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	plain := dial(t, s, "room")
	a := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	a.sendLine(`{"id":2,"subscribe":{"channel":"room"}}`)
	first := a.line()
	epoch := field(t, first, "epoch")
	say := func(text string) {
		plain.send(ws.OpText, text)
		plain.expect(ws.OpText, text)
	}
	say("one")
	a.expectLine(`{"push":{"channel":"room","pub":{"data":"one","offset":1}}}`)
	a.sendLine(`{"id":3,"unsubscribe":{"channel":"room"}}`)
	a.expectLine(`{"id":3,"unsubscribe":{}}`)
	say("two")
	a.sendLine(`{"id":4,"subscribe":{"channel":"room","recover":true,"offset":1,"epoch":%q}}`, epoch)
	if got := a.line(); !strings.Contains(got, `"publications":[{"data":"two","offset":2,"time":`) || !strings.Contains(got, `}],"recovered":true`) {
		t.Fatalf("got %s, want the publications in between", got)
	}
	say("three")
	a.expectLine(`{"push":{"channel":"room","pub":{"data":"three","offset":3}}}`)
	a.sendLine(`{"id":5,"rpc":{"method":"x"}}`)
	a.expectLine(`{"id":5,"error":{"code":108,"message":"not available: no such method"}}`) // not a lost position
}

// A client with a position in an earlier room of the same name cannot recover from a room that was released or never existed.
func TestHistorySinceAReleasedRoomIsUnrecoverable(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.ReadHistory = chat.Anyone
	s := startAPI(t, o)
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"room"}}`)
	epoch := field(t, c.line(), "epoch")
	c.sendLine(`{"id":3,"unsubscribe":{"channel":"room"}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
	c.sendLine(`{"id":4,"history":{"channel":"room","limit":-1,"since":{"epoch":%q}}}`, epoch)
	c.expectLine(`{"id":4,"history":{"publications":[],"epoch":"` + epoch + `","offset":0}}`)
	c.sendLine(`{"id":5,"history":{"channel":"room","limit":-1,"since":{"offset":7,"epoch":"another"}}}`)
	c.expectLine(`{"id":5,"error":{"code":112,"message":"unrecoverable position"}}`)
	wantError(t, s, "history", `{"channel":"room","limit":-1,"since":{"offset":7,"epoch":"another"}}`, 112, "unrecoverable")
}

// Publications from the history have their time. Live publications have none.
func TestHistoryHasTheTimeOfPublications(t *testing.T) {
	s := startBackend(t, rememberingRoom("*"))
	a := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	a.sendLine(`{"id":2,"subscribe":{"channel":"room"}}`)
	epoch := field(t, a.line(), "epoch")
	a.sendLine(`{"id":3,"publish":{"channel":"room","data":"one"}}`)
	if got := a.line(); strings.Contains(got, `"time"`) {
		t.Errorf("got %s, want no time in it", got)
	}
	a.expectLine(`{"id":3,"publish":{}}`)
	r, unlock := s.sessions.Rooms.Find("room")
	r.History.At(0).UnixMilli -= 30_000
	unlock()

	b := connectSDK(t, s, signed(map[string]any{"sub": "bo"}))
	b.sendLine(`{"id":4,"subscribe":{"channel":"room","recover":true,"epoch":%q}}`, epoch)
	a.sendLine(`{"id":4,"history":{"channel":"room","limit":-1}}`)
	for _, got := range []string{a.line(), b.line()} {
		var millis int64
		if at := strings.Index(got, `"time":`); at < 0 {
			t.Fatalf("got %s, want a time in it", got)
		} else if _, err := fmt.Sscanf(got[at:], `"time":%d`, &millis); err != nil {
			t.Fatal(err)
		}
		if ago := time.Since(time.UnixMilli(millis)); ago < 29*time.Second || ago > 30*time.Second+testTimeout {
			t.Errorf("got %s: %v ago, want 30 s", got, ago)
		}
	}
}

// Recovered publications have a rate. A client that recovers too often gets recovered: false.
func TestRecoveriesHaveARate(t *testing.T) {
	s := startAPI(t, rememberingRoom("*"))
	c := connectSDK(t, s, userToken("ann"))
	call(t, s, "publish", `{"channel":"x","data":1}`)
	session := sessionOf(t, s, "ann")
	for _, tt := range []struct {
		spent time.Duration // used of the rate
		want  string
	}{{0, `"recovered":true`}, {time.Hour, `"was_recovering":true`}, {0, `"recovered":true`}} {
		done := make(chan struct{})
		session.Conn.Poller().Post(func() {
			session.Usage().Recovered = limiter.Meter(s.sessions.Clock.Now() + tt.spent)
			close(done)
		})
		<-done
		c.sendLine(`{"id":2,"subscribe":{"channel":"x","recover":true,"offset":0,"epoch":""}}`)
		if got := c.line(); !strings.Contains(got, tt.want) || strings.Contains(got, `"recovered":true`) != (tt.spent == 0) {
			t.Errorf("with %v spent: got %s, want %s", tt.spent, got, tt.want)
		}
		c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
		c.expectLine(`{"id":3,"unsubscribe":{}}`)
	}
}

// Expired publications are not recovered, even if they were not removed yet.
func TestExpiredPublicationsAreNotRecovered(t *testing.T) {
	s := startAPI(t, rememberingRoom("*"))
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`) // a member that keeps the room
	c.line()
	call(t, s, "publish", `{"channel":"x","data":1}`)
	call(t, s, "publish", `{"channel":"x","data":2}`)
	r, unlock := s.sessions.Rooms.Find("x")
	r.History.At(0).At -= r.HistoryTTL() + 1
	unlock()
	b := connectSDK(t, s, userToken("bob"))
	b.sendLine(`{"id":2,"subscribe":{"channel":"x","recover":true,"offset":1,"epoch":""}}`)
	if got := b.line(); !strings.Contains(got, `"recovered":true`) {
		t.Errorf("from after the first: got %s, want the second", got)
	}
	e := connectSDK(t, s, userToken("eve"))
	e.sendLine(`{"id":2,"subscribe":{"channel":"x","recover":true,"offset":0,"epoch":""}}`)
	if got := e.line(); strings.Contains(got, `"recovered":true`) || !strings.Contains(got, `"was_recovering":true`) {
		t.Errorf("from the beginning: got %s, want recovered: false", got)
	}
}

// If a client requests recovery or an error, and gets an error, no room is left behind.
func TestARoomThatWasNotJoinedIsReleased(t *testing.T) {
	s := startAPI(t, rememberingRoom("*"))
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x","recover":true,"offset":7,"epoch":"another","flag":2}}`)
	c.expectLine(`{"id":2,"error":{"code":112,"message":"unrecoverable position"}}`)
	if got := s.sessions.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms, want none", got)
	}
}

// The time of a publication is that of the wall clock, which advances while the process is suspended.
func TestASuspendDoesNotExtendTheHistory(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Rooms = []chat.RoomOptions{rememberingRoom("*")}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1) // without a heartbeat, its clock does not advance
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout)
	pub, _ := session.PublicationOf([]byte(`"one"`))
	began := time.Now()
	h.Publish(h.RoomRef("room"), pub, chat.PublishOptions{})
	said := time.Now()
	eventually(t, "some time to pass", func() bool { return time.Since(said) > 5*time.Millisecond })
	pubs, _, _ := h.Read("room", nil, -1, math.MaxInt, false)
	told := time.UnixMilli(session.TimedPublication(&pubs[0], session.JSONEncoding).Time)
	if told.Before(began.Truncate(time.Millisecond)) || told.After(said) {
		t.Errorf("got the time %v, want %v to %v", told, began, said)
	}
}

// An SDK does not resubscribe to a server-side subscription. Instead, it reconnects.
func TestAGapInAServerSideSubscriptionClosesTheConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.PersonalRooms = true
		c.Rooms = []chat.RoomOptions{rememberingRoom("*")}
	})
	a := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	r := roomOf(s, "#ann")
	s.sessions.Call(func(sh *fanout.Shard) {
		r.Stripe.Mu.Lock()
		topics := append([]*fanout.Topic(nil), r.Topics...)
		r.Stripe.Mu.Unlock()
		for _, at := range topics {
			if at.Shard == sh {
				at.Gap(sh)
			}
		}
	})
	a.expectCloseCode(3010)
}

// field returns a string field of a line of JSON.
func field(t *testing.T, line, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(line, `"`+name+`":"`)
	if !ok {
		t.Fatalf("no %s in %s", name, line)
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// An SDK treats an error as final unless it is temporary. After a temporary one, it sends another token. A connection token that has expired already ends the
// connection: then each SDK requests another one.
func TestAnExpiredTokenMayBeRefreshedLate(t *testing.T) {
	t.Parallel()
	closed := chat.DefaultRoom()
	closed.Subscribe = chat.WithToken
	s := startBackend(t, closed)
	expired := time.Now().Add(-time.Minute).Unix()
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "x"}))
	c.expectLine(`{"id":2,"subscribe":{}}`)
	c.sendLine(`{"id":3,"subscribe":{"channel":"y","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "y", "exp": expired}))
	c.expectLine(`{"id":3,"error":{"code":109,"message":"token expired","temporary":true}}`)
	c.sendLine(`{"id":4,"sub_refresh":{"channel":"x","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "x", "exp": expired}))
	c.expectLine(`{"id":4,"error":{"code":109,"message":"token expired","temporary":true}}`)
	c.sendLine(`{"id":5,"sub_refresh":{"channel":"x","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "x"}))
	c.expectLine(`{"id":5,"sub_refresh":{}}`)
	c.sendLine(`{"id":6,"refresh":{"token":%q}}`, signed(map[string]any{"sub": "ann", "exp": expired}))
	c.expectCloseCode(3005)
}

// A subscription token belongs to one user. A token without a user is only for clients without a user.
func TestASubscriptionTokenWithoutAUserIsForClientsWithoutAUser(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	nobodys := signed(map[string]any{"channel": "x"})
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x","token":%q}}`, nobodys)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	c = connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x","token":%q}}`, nobodys)
	c.expectCloseCode(3500)
}

func TestSendWithoutTheRPCWebhookCloses(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"send":{"data":1}}`)
	c.expectCloseCode(3508)
}
