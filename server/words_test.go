package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// An API call about a user during a connect request applies to the connection when the webhook replies.
func TestAnAPICallDuringAConnectWebhookApplies(t *testing.T) {
	t.Parallel()
	asked, gate := make(chan question), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(q question) string {
		asked <- q
		<-gate
		return `{"result":{"user":"ann","channels":["given","kept"]}}`
	}})
	s := startHooked(t, a, func(c *Config) { c.API.Key = strings.ReplaceAll(testKey, " ", "-") })
	all := []string{"given", "kept"}
	for _, tt := range []struct {
		method, params string // %s is the client
		code           int    // of the close; 0 for none
		rooms          []string
		told           string
	}{
		{method: "disconnect", params: `{"user":"ann"}`, code: 3503},
		{method: "disconnect", params: `{"user":"ann","client":"%s"}`, code: 3503},
		{method: "disconnect", params: `{"client":"%s","disconnect":{"code":4501,"reason":"out"}}`, code: 4501},
		{method: "disconnect", params: `{"user":"ann","whitelist":["%s"]}`, rooms: all},
		{method: "disconnect", params: `{"user":"ann","client":"another"}`, rooms: all},
		{method: "disconnect", params: `{"user":"bob"}`, rooms: all},
		{method: "kick", params: `{"user":"ann"}`, code: 3503},
		{method: "kick", params: `{"user":"ann","channel":"given"}`, rooms: []string{"kept"}, told: `"unsubscribe":{"code":2000,"reason":"kicked"}`},
		{method: "unsubscribe", params: `{"user":"ann","channel":"given"}`, rooms: []string{"kept"}, told: `"unsubscribe":{"code":2000`},
		{method: "unsubscribe", params: `{"client":"%s","channel":"given"}`, rooms: []string{"kept"}, told: `"unsubscribe":{"code":2000`},
		{method: "subscribe", params: `{"user":"ann","channel":"more"}`, rooms: append(slices.Clone(all), "more"), told: `{"channel":"more","subscribe":{}}`},
		{method: "refresh", params: `{"user":"ann","expired":true}`, code: 3005},
		{method: "refresh", params: `{"user":"ann","expire_at":4000000000}`, rooms: all, told: `"refresh":{"expires":true`},
		{method: "ban", params: `{"user":"ann"}`, code: 3507},
		{method: "unban", params: `{"user":"ann"}`, rooms: all},
		{method: "revoke", params: `{"user":"ann","jti":"none"}`, rooms: all},
		{method: "revoke", params: `{"user":"ann"}`, code: 3500},
	} {
		if tt.params == `{"user":"ann","expire_at":4000000000}` {
			tt.params = fmt.Sprintf(`{"user":"ann","expire_at":%d}`, s.sessions.Moderation.Now().Unix()+3600)
		}
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		q := <-asked
		params := strings.ReplaceAll(tt.params, "%s", q.Client)
		wantCall(t, s, tt.method, params, `{"result":{}}`)
		gate <- struct{}{}
		what := tt.method + " " + tt.params
		if tt.code != 0 {
			m, err := c.nextExceptPings()
			if err != nil || len(m.Payload) < 2 || int(m.Payload[0])<<8|int(m.Payload[1]) != tt.code {
				t.Errorf("%s: got %q, %v, want close %d and nothing before it", what, m.Payload, err, tt.code)
			}
		} else {
			if got := c.line(); !strings.HasPrefix(got, `{"id":1,"connect":{`) {
				t.Errorf("%s: got %s", what, got)
			}
			if tt.told != "" {
				if got := c.line(); !strings.Contains(got, tt.told) {
					t.Errorf("%s: got %s, want %s", what, got, tt.told)
				}
			}
			if got := roomsOf(t, s, "ann"); !slices.Equal(got, tt.rooms) {
				t.Errorf("%s: got rooms %q, want %q", what, got, tt.rooms)
			}
		}
		c.conn.Close()
		eventually(t, "it to be removed", func() bool { return s.sessions.Live.Load() == 0 })
	}
	s.sessions.UsersMu.Lock()
	defer s.sessions.UsersMu.Unlock()
	if w := &s.sessions.PendingUserCommands; w.Waiting != 0 || w.Commands != nil || w.Bytes != 0 {
		t.Errorf("got %d pending requests, %d calls, %d bytes left, want none", w.Waiting, len(w.Commands), w.Bytes)
	}
}

// The same holds for a subscribe request.
func TestAnAPICallDuringASubscribeWebhookApplies(t *testing.T) {
	t.Parallel()
	asked, gate := make(chan struct{}), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnSubscribe: func(question) string {
		asked <- struct{}{}
		<-gate
		return `{"result":{}}`
	}})
	s := startHooked(t, a, func(c *Config) { c.API.Key = strings.ReplaceAll(testKey, " ", "-") })
	c := connectSDK(t, s, userToken("ann"))
	const denied, in = `{"id":2,"error":{"code":103,"message":"permission denied"}}`, `{"id":2,"subscribe":{}}`
	for _, tt := range []struct {
		method, params string
		want           string
	}{
		{"unsubscribe", `{"user":"ann","channel":"tea"}`, denied},
		{"kick", `{"user":"ann","channel":"tea"}`, denied},
		{"unsubscribe", `{"user":"ann","channel":"coffee"}`, in},
		{"unsubscribe", `{"user":"bob","channel":"tea"}`, in},
		{"ban", `{"user":"ann","channel":"tea"}`, denied},
		{"unban", `{"user":"ann","channel":"tea"}`, in},
	} {
		c.sendLine(`{"id":2,"subscribe":{"channel":"tea"}}`)
		<-asked
		wantCall(t, s, tt.method, tt.params, `{"result":{}}`)
		if tt.method == "ban" { // the ban is removed, and the call still applies
			s.sessions.Moderation.Unban("ann", "tea")
		}
		gate <- struct{}{}
		if got := c.line(); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.method, tt.params, got, tt.want)
		}
		if got := len(roomsOf(t, s, "ann")) == 1; got != (tt.want == in) {
			t.Errorf("%s %s: got in the room %v", tt.method, tt.params, got)
		}
		c.sendLine(`{"id":3,"unsubscribe":{"channel":"tea"}}`)
		c.expectLine(`{"id":3,"unsubscribe":{}}`)
	}
}

// Events during a subscribe request are checked when the webhook replies: a revoked token, and a subscription by the application itself.
func TestEventsDuringASubscribeWebhook(t *testing.T) {
	asked, gate := make(chan struct{}), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnSubscribe: func(question) string {
		asked <- struct{}{}
		<-gate
		return `{"result":{}}`
	}})
	s := startHooked(t, a, func(c *Config) { c.API.Key = strings.ReplaceAll(testKey, " ", "-") })
	for _, tt := range []struct {
		method, params, want string
		members              int
	}{
		{"revoke", `{"user":"ann","jti":"other"}`, `{"id":2,"subscribe":{}}`, 1},
		{"revoke", `{"user":"ann","jti":"1"}`, `{"id":2,"error":{"code":103,"message":"permission denied"}}`, 0},
		{"subscribe", `{"user":"ann","channel":"tea"}`, `{"id":2,"error":{"code":105,"message":"already subscribed"}}`, 1},
	} {
		c := connectSDK(t, s, userToken("ann"))
		jti := "1"
		if tt.method == "subscribe" {
			jti = "2"
		}
		c.sendLine(`{"id":2,"subscribe":{"channel":"tea","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "tea", "jti": jti}))
		<-asked
		wantCall(t, s, tt.method, tt.params, `{"result":{}}`)
		if tt.method == "subscribe" {
			c.line() // the subscribe push
		}
		gate <- struct{}{}
		c.expectLine(tt.want)
		members := 0
		r, unlock := s.sessions.Rooms.Find("tea")
		if r != nil {
			members = r.Members
		}
		unlock()
		if members != tt.members {
			t.Errorf("%s %s: got %d in the room, want %d", tt.method, tt.params, members, tt.members)
		}
		c.conn.Close()
		eventually(t, "the connection to be removed", func() bool { return s.sessions.Live.Load() == 0 })
	}
}

// Kept API calls are bounded. If calls for a connection were dropped, the connection is rejected with a temporary error.
func TestKeptAPICallsAreBounded(t *testing.T) {
	t.Parallel()
	asked, gate := make(chan struct{}), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string {
		asked <- struct{}{}
		<-gate
		return `{"result":{"user":"ann"}}`
	}})
	s := startHooked(t, a, nil)
	kept := func() (n, bytes int) {
		s.sessions.UsersMu.Lock()
		defer s.sessions.UsersMu.Unlock()
		return len(s.sessions.PendingUserCommands.Commands), s.sessions.PendingUserCommands.Bytes
	}
	s.sessions.Execute(t.Context(), chat.TargetedCommand{User: "bob", Command: nothingSaid{}})
	if n, _ := kept(); n != 0 {
		t.Errorf("got %d calls kept without a pending request", n)
	}
	for _, tt := range []struct {
		words, size int
		want        string
	}{
		{chat.MaxPendingUserCommands, 0, `{"id":1,"connect":{`},
		{chat.MaxPendingUserCommands + 1, 0, `{"id":1,"error":{"code":111,`},
		{3, chat.MaxPendingUserCommandBytes / 2, `{"id":1,"error":{"code":111,`},
	} {
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		<-asked
		for range tt.words {
			s.sessions.Execute(t.Context(), chat.TargetedCommand{User: "bob", Command: nothingSaid{tt.size}})
		}
		if n, bytes := kept(); n > chat.MaxPendingUserCommands || bytes > chat.MaxPendingUserCommandBytes {
			t.Errorf("got %d calls of %d bytes kept", n, bytes)
		}
		gate <- struct{}{}
		if got := c.line(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%d calls of %d bytes: got %s, want %s", tt.words, tt.size, got, tt.want)
		}
		if n, bytes := kept(); n != 0 || bytes != 0 {
			t.Errorf("got %d calls of %d bytes kept after all replies", n, bytes)
		}
		c.conn.Close()
	}
	// The calls of a disconnected client are released.
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	<-asked
	s.sessions.Execute(t.Context(), chat.TargetedCommand{User: "bob", Command: nothingSaid{}})
	c.conn.Close()
	gate <- struct{}{}
	eventually(t, "its calls to be released", func() bool { n, _ := kept(); return n == 0 && s.sessions.Live.Load() == 0 })
}

// nothingSaid is a command without effect that counts as bytes bytes.
type nothingSaid struct{ bytes int }

func (c nothingSaid) Size() int { return c.bytes }

func (nothingSaid) Apply(*session.Session) *chat.Rejection { return nil }
