package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// The deadlines of an SDK connection, with the clock of a running server. The tests run in parallel.
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
	dialSDK(t, s, "").expectCloseCode(3502)
	eventually(t, "the close to be counted", func() bool { return closesBy(s, fanout.ClosedStale) == 1 })
}

// shortLived calls do with a token that ends within 2 s, and waits for its reply. On a busy machine the token may end before the server checks it: then do is
// called again with twice the time. do returns the reply.
func shortLived(claims map[string]any, do func(token string) (reply string)) (reply string, life time.Duration) {
	for life = 2 * time.Second; ; life *= 2 {
		claims["exp"] = time.Now().Add(life).Unix()
		if reply = do(signed(claims)); !strings.Contains(reply, `"code":109`) || life > testTimeout {
			return reply, life
		}
	}
}

// connectShortLived opens a connection with a token of ann that ends soon.
func connectShortLived(t *testing.T, s *Server) (c *sdk, life time.Duration) {
	reply, life := shortLived(map[string]any{"sub": "ann"}, func(token string) string {
		c = dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{"token":%q}}`, token)
		return c.line()
	})
	if !strings.Contains(reply, `"expires":true,"ttl":`) {
		t.Fatalf("got %s, want the time of the expiry", reply)
	}
	return c, life
}

func anExpiredTokenEndsTheConnection(t *testing.T, s *Server) {
	c, _ := connectShortLived(t, s)
	c.expectCloseCode(3005)
}

func aRefreshedTokenKeepsTheConnection(t *testing.T, s *Server) {
	later := func(user string) string {
		return signed(map[string]any{"sub": user, "exp": time.Now().Add(time.Hour).Unix()})
	}
	c, life := connectShortLived(t, s)
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, later("ann"))
	if got := c.line(); !strings.HasPrefix(got, `{"id":2,"refresh":{"client":"`) || !strings.Contains(got, `"expires":true,"ttl":3`) {
		t.Fatalf("got %s, want the refresh reply", got)
	}
	time.Sleep(life + session.ExpiryGrace + 2*fanout.TickLength) // a negative check: the first token would have closed the connection by then
	c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
	c.sendLine(`{"id":4,"refresh":{"token":%q}}`, later("bob"))
	c.expectCloseCode(3500)
}

func anExpiredSubscriptionIsTakenAway(t *testing.T, s *Server) {
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	reply, _ := shortLived(map[string]any{"sub": "ann", "channel": "a"}, func(token string) string {
		c.sendLine(`{"id":2,"subscribe":{"channel":"a","token":%q}}`, token)
		return c.line()
	})
	if !strings.HasPrefix(reply, `{"id":2,"subscribe":{"expires":true,"ttl":`) {
		t.Fatalf("got %s, want the time of the expiry", reply)
	}
	c.expectLine(`{"push":{"channel":"a","unsubscribe":{"code":2501,"reason":"subscription expired"}}}`)
	c.sendLine(`{"id":3,"publish":{"channel":"a","data":1}}`)
	c.expectLine(`{"id":3,"error":{"code":103,"message":"permission denied"}}`)
}

// Only a pong counts, not other data.
func whoDoesNotAnswerAPingIsDropped(t *testing.T, s *Server) {
	c := connectSDK(t, s, "")
	m, err := c.next()
	if err != nil || string(m.Payload) != "{}" {
		t.Fatalf("got %q %v, want a ping", m.Payload, err)
	}
	for id := 2; ; id++ {
		c.sendLine(`{"id":%d,"unsubscribe":{"channel":"x"}}`, id)
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
		time.Sleep(50 * time.Millisecond) // the pace of the commands
	}
}

// On a busy machine an answer may need longer than the ping timeout: the test begins again with twice the time.
func whoAnswersPingsStays(t *testing.T, s *Server) {
	for timeout := time.Second; !staysWithPongs(t, s); {
		if timeout *= 2; timeout > testTimeout {
			t.Fatal("a client that answers pings was closed with each ping timeout")
		}
		s = startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, timeout })
	}
}

// staysWithPongs returns false if the server closes the connection for a missing pong.
func staysWithPongs(t *testing.T, s *Server) bool {
	c := connectSDK(t, s, "")
	for _, answer := range []string{"{}", "{}", "{}", "{}\n{}"} { // a pong without a ping follows the last one in its message: no ping is between them
		m, err := c.next()
		if m.Op == ws.OpClose {
			if code, _, _ := ws.ParseClose(m.Payload); code == 3012 {
				return false
			}
		}
		if err != nil || string(m.Payload) != "{}" {
			t.Fatalf("got %q %v, want a ping", m.Payload, err)
		}
		c.sendLine("%s", answer)
	}
	c.expectCloseCode(3501)
	return true
}

// A token expires by the wall clock. After a suspend of the process or the machine, the first tick checks it. Pings and other deadlines count
// ticks and continue where they were.
func TestATokenThatExpiredDuringASuspendIsCheckedAtTheFirstTick(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	short := connectSDK(t, s, signed(map[string]any{"sub": "ann", "exp": in(time.Hour)}))
	long := connectSDK(t, s, signed(map[string]any{"sub": "bob", "exp": in(24 * time.Hour)}))
	ever := connectSDK(t, s, signed(map[string]any{"sub": "cid"}))
	mute := dialSDK(t, s, "") // has not sent its connect command yet
	long.sendLine(`{"id":2,"subscribe":{"channel":"a","token":%q}}`, signed(map[string]any{"sub": "bob", "channel": "a", "exp": in(time.Hour)}))
	if got := long.line(); !strings.HasPrefix(got, `{"id":2,"subscribe":{"expires":true,"ttl":`) {
		t.Fatalf("got %s, want a subscription", got)
	}
	pings := value(t, s, "throng_pings_total", "")

	s.sessions.Clock.Shifted.Store(int64(2 * time.Hour))
	short.expectCloseCode(3005)
	long.expectLine(`{"push":{"channel":"a","unsubscribe":{"code":2501,"reason":"subscription expired"}}}`)
	for _, c := range []*sdk{long, ever} {
		c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
		c.expectLine(`{"id":3,"unsubscribe":{}}`)
	}
	mute.sendLine(`{"id":1,"connect":{}}`)
	if got := mute.line(); !strings.HasPrefix(got, `{"id":1,"connect":`) {
		t.Errorf("got %s, want to be connected", got)
	}
	if got := value(t, s, "throng_pings_total", ""); got != pings {
		t.Errorf("got %v pings after the suspend, want none: no tick is missing", got-pings)
	}
}
