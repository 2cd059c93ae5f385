package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

func TestTheConnectWebhookSetsTheUser(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(
		`{"result":{"user":"ann","info":{"name": "Ann"},"data":{"hello": 1},"channels":["news"],"subs":{"desk":{"data":"here"}},"meta":{"id":7}}}`,
	), session.OnRPC: always(`{"result":{}}`)})
	s := startHooked(t, a, func(c *Config) { c.Guests = "off" })
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"data":{"key":"x"},"name":"js","version":"1"}}`)
	var got struct {
		Connect struct {
			Data    json.RawMessage
			Expires bool
			Subs    map[string]struct{ Data json.RawMessage }
		}
	}
	if line := c.line(); json.Unmarshal([]byte(line), &got) != nil || string(got.Connect.Data) != `{"hello":1}` ||
		len(got.Connect.Subs) != 2 || string(got.Connect.Subs["desk"].Data) != `"here"` || got.Connect.Expires {
		t.Fatalf("got %s", line)
	}
	q := a.of(session.OnConnect)
	if len(q) != 1 || q[0].Client == "" || q[0].Transport != "websocket" || q[0].Protocol != "json" || q[0].Encoding != "json" ||
		string(q[0].Data) != `{"key":"x"}` || q[0].Name != "js" || q[0].Version != "1" || q[0].User != "" {
		t.Fatalf("got %+v", q)
	}
	c.sendLine(`{"id":2,"rpc":{"method":"m"}}`)
	c.line()
	if r := a.of(session.OnRPC); len(r) != 1 || r[0].User != "ann" || string(r[0].Meta) != `{"id":7}` || r[0].Client != q[0].Client {
		t.Errorf("got %+v, want the connected user", r)
	}
	// Other members see the same.
	c.sendLine(`{"id":3,"presence":{"channel":"news"}}`)
	if line := c.line(); !strings.Contains(line, `"user":"ann"`) || !strings.Contains(line, `"conn_info":{"name":"Ann"}`) {
		t.Errorf("got %s", line)
	}
}

// The name of a user has at most the length that a token allows, so the server API can address the user.
func TestTheConnectWebhookHasLimits(t *testing.T) {
	t.Parallel()
	var name atomic.Pointer[string]
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string {
		return fmt.Sprintf(`{"result":{"user":%q}}`, *name.Load())
	}})
	s := startHooked(t, a, nil)
	connect := func(length int) *sdk {
		text := strings.Repeat("x", length)
		name.Store(&text)
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		return c
	}
	if line := connect(api.MaxUserName).line(); !strings.HasPrefix(line, `{"id":1,"connect":{"client":`) {
		t.Errorf("%d bytes: got %s, want it connected", api.MaxUserName, line)
	}
	for _, length := range []int{api.MaxUserName + 1, 60_000} {
		connect(length).expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	if got := badAnswers(t, s, session.OnConnect); got != 2 {
		t.Errorf("got %v invalid replies counted, want 2", got)
	}
}

// If the webhook replaces the user of a token, a refreshed token keeps the replaced user and its info.
func TestAUserOfTheConnectWebhookRefreshesItsToken(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{
		session.OnConnect: always(`{"result":{"user":"ann@example","meta":{"id":7}}}`),
		session.OnRPC:     always(`{"result":{}}`),
	})
	s := startHooked(t, a, nil)
	token := func(user string) string {
		return signed(map[string]any{"sub": user, "exp": time.Now().Unix() + 1000})
	}
	connect := func(token string) *sdk {
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{"token":%q}}`, token)
		c.line()
		return c
	}
	c := connect(token("ann"))
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, token("ann"))
	if line := c.line(); !strings.HasPrefix(line, `{"id":2,"refresh":{"client":`) {
		t.Errorf("got %s", line)
	}
	c.sendLine(`{"id":3,"rpc":{"method":"m"}}`)
	c.line()
	if r := a.of(session.OnRPC); len(r) != 1 || r[0].User != "ann@example" || string(r[0].Meta) != `{"id":7}` {
		t.Errorf("got %+v, want the connected user", r)
	}
	// A token of another user is rejected, also one of the replaced user.
	c.sendLine(`{"id":4,"refresh":{"token":%q}}`, token("ann@example"))
	c.expectCloseCode(3500)
	// Without a token, the user is that of the webhook.
	c = connect("")
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, token("ann@example"))
	if line := c.line(); !strings.HasPrefix(line, `{"id":2,"refresh":{"client":`) {
		t.Errorf("got %s", line)
	}
	c.sendLine(`{"id":3,"refresh":{"token":%q}}`, token("ann"))
	c.expectCloseCode(3500)
	// A sanction of the user applies to its token.
	c = connect(token("ann"))
	s.sessions.Moderation.Ban("ann@example", "", chat.Term{})
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, token("ann"))
	c.expectCloseCode(3507)
}

func TestTheConnectWebhookRejectsAConnection(t *testing.T) {
	t.Parallel()
	said := `{"error":{"code":1000,"message":"not you"}}`
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { return said }})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, signed(map[string]any{"sub": "ann", "meta": map[string]int{"id": 1}}))
	c.expectLine(`{"id":1,"error":{"code":1000,"message":"not you"}}`)
	if q := a.of(session.OnConnect); len(q) != 1 || q[0].User != "ann" || string(q[0].Meta) != `{"id":1}` {
		t.Errorf("got %+v, want the claims of the token", q)
	}
	said = `{"disconnect":{"code":4501,"reason":"go away"}}`
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	c.expectCloseCode(4501)
	// SDKs interpret a reason that is JSON, and a close frame has a short reason only.
	for _, reason := range []string{"false", strings.Repeat("x", api.MaxReason+1)} {
		said = fmt.Sprintf(`{"disconnect":{"code":4000,"reason":%q}}`, reason)
		c = dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		c.expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	// Codes below 400 belong to the protocol: an SDK would take 109 for an expired token and request a new one.
	before := badAnswers(t, s, session.OnConnect)
	for _, code := range []int{1, 109, 399} {
		said = fmt.Sprintf(`{"error":{"code":%d,"message":"no","temporary":true}}`, code)
		c = dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		c.expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	if got := badAnswers(t, s, session.OnConnect); got != before+3 {
		t.Errorf("got %v invalid replies counted, want 3 more than %v", got, before)
	}
	said = `{"result":{"user":"ann","expire_at":1000000000}}`
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	c.expectLine(`{"id":1,"error":{"code":109,"message":"token expired"}}`)
	// An invalid token causes no proxy request.
	asked := len(a.of(session.OnConnect))
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":"x"}}`)
	c.expectCloseCode(3500)
	if got := len(a.of(session.OnConnect)); got != asked {
		t.Errorf("got %d proxy requests, want %d", got, asked)
	}
	if len(sessionsOf(s, "ann")) != 0 || len(a.of(session.OnDisconnect)) != 0 {
		t.Error("a client connected, or a disconnect was sent")
	}
}
