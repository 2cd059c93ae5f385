package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// What a connection of the SDK protocol owes in time, against a running server's own clock. The tests wait side by side.
func TestDeadlinesOfSessions(t *testing.T) {
	usual := startBackend(t)
	pinging := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, time.Second })
	for name, test := range map[string]struct {
		server *Server
		run    func(*testing.T, *Server)
	}{
		"who says nothing is stale":              {usual, whoSaysNothingIsStale},
		"an expired token ends the connection":   {usual, anExpiredTokenEndsTheConnection},
		"a refreshed token keeps the connection": {usual, aRefreshedTokenKeepsTheConnection},
		"an expired subscription is taken away":  {usual, anExpiredSubscriptionIsTakenAway},
		"who does not answer a ping is dropped":  {pinging, whoDoesNotAnswerAPingIsDropped},
		"who answers pings stays":                {pinging, whoAnswersPingsStays},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.run(t, test.server)
		})
	}
}

func whoSaysNothingIsStale(t *testing.T, s *Server) {
	dialSDK(t, s, "").closed(3502)
	eventually(t, "it to be counted", func() bool { return closesBy(s, closedStale) == 1 })
}

func anExpiredTokenEndsTheConnection(t *testing.T, s *Server) {
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":%q}}`, signed(map[string]any{"sub": "ann", "exp": time.Now().Add(2 * time.Second).Unix()}))
	if got := c.line(); !strings.Contains(got, `"expires":true,"ttl":`) {
		t.Fatalf("got %s, want to be told of the expiry", got)
	}
	c.closed(3005)
}

func aRefreshedTokenKeepsTheConnection(t *testing.T, s *Server) {
	token := func(user string, left time.Duration) string {
		return signed(map[string]any{"sub": user, "exp": time.Now().Add(left).Unix()})
	}
	c := connectSDK(t, s, token("ann", 2*time.Second))
	c.say(`{"id":2,"refresh":{"token":%q}}`, token("ann", time.Hour))
	if got := c.line(); !strings.HasPrefix(got, `{"id":2,"refresh":{"client":"`) || !strings.Contains(got, `"expires":true,"ttl":3`) {
		t.Fatalf("got %s, want the answer to refresh", got)
	}
	time.Sleep(2*time.Second + expiryGrace + 2*tickLength) // until the first token would have ended it
	c.say(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	c.want(`{"id":3,"unsubscribe":{}}`)
	c.say(`{"id":4,"refresh":{"token":%q}}`, token("bob", time.Hour))
	c.closed(3500)
}

func anExpiredSubscriptionIsTakenAway(t *testing.T, s *Server) {
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	c.say(`{"id":2,"subscribe":{"channel":"a","token":%q}}`,
		signed(map[string]any{"sub": "ann", "channel": "a", "exp": time.Now().Add(2 * time.Second).Unix()}))
	if got := c.line(); !strings.HasPrefix(got, `{"id":2,"subscribe":{"expires":true,"ttl":`) {
		t.Fatalf("got %s, want to be told of the expiry", got)
	}
	c.want(`{"push":{"channel":"a","unsubscribe":{"code":2501,"reason":"subscription expired"}}}`)
	c.say(`{"id":3,"publish":{"channel":"a","data":1}}`)
	c.want(`{"id":3,"error":{"code":103,"message":"permission denied"}}`)
}

// It is the answer to the ping that counts, not that something comes.
func whoDoesNotAnswerAPingIsDropped(t *testing.T, s *Server) {
	c := connectSDK(t, s, "")
	m, err := c.next()
	if err != nil || string(m.Payload) != "{}" {
		t.Fatalf("got %q %v, want a ping", m.Payload, err)
	}
	for id := 2; ; id++ {
		c.say(`{"id":%d,"unsubscribe":{"channel":"x"}}`, id)
		m, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op == ws.OpClose {
			if code, _, _ := ws.ParseClose(m.Payload); code != 3012 {
				t.Errorf("got close %d, want 3012", code)
			}
			return
		}
		if want := fmt.Sprintf(`{"id":%d,"unsubscribe":{}}`, id); string(m.Payload) != want {
			t.Fatalf("got %s, want %s", m.Payload, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func whoAnswersPingsStays(t *testing.T, s *Server) {
	c := connectSDK(t, s, "")
	for range 4 {
		if m, err := c.next(); err != nil || string(m.Payload) != "{}" {
			t.Fatalf("got %q %v, want a ping", m.Payload, err)
		}
		c.say("{}")
	}
	c.say("{}") // nobody asked
	c.closed(3501)
}

// Tokens may be good for longer than ticks can count. Their connections do not end before.
func TestATokenMayBeGoodForAVeryLongTime(t *testing.T) {
	h := &hub{clock: newClock()}
	round := (1 << 32) * tickLength // when ticks begin anew
	for _, end := range []time.Time{time.Now().Add(round + time.Second), time.Unix(253402300799, 0)} {
		if left := time.Duration(h.tickOf(end)-h.clock.tick()) * tickLength; h.tickOf(end) < h.clock.tick() || left < 365*24*time.Hour {
			t.Errorf("%v: got %v left, want a year or more", end, left)
		}
		if left := time.Duration(ttl(end)) * time.Second; left < 365*24*time.Hour || left > maxMoment {
			t.Errorf("%v: got a ttl of %v, want a year to %v", end, left, maxMoment)
		}
	}
}
