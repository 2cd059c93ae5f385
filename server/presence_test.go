package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// The presence of many members is encoded by a worker, and may be longer than the limit of unsent bytes. The replies to later commands
// follow it.
func TestPresenceOfManyMembers(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.MaxUnsent = c.MaxMessage
	})
	const members = 300
	name := strings.Repeat("x", 900)
	var c *sdk
	for i := range members {
		c = connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint("u", i%10), "info": map[string]string{"name": name}}))
		c.sendLine(`{"id":2,"subscribe":{"channel":"crowd"}}`)
		c.expectLine(`{"id":2,"subscribe":{}}`)
	}
	c.sendLine(`{"id":3,"presence":{"channel":"crowd"}}` + "\n" + `{"id":4,"presence_stats":{"channel":"crowd"}}` + "\n" + `{"id":5,"presence":{"channel":"nobody"}}`)
	c.sendLine(`{"id":6,"unsubscribe":{"channel":"crowd"}}`)
	got := c.line()
	if n := strings.Count(got, name); n != members || !strings.HasPrefix(got, `{"id":3,"presence":{"presence":{`) {
		t.Errorf("got %d members in %.80s, want %d", n, got, members)
	}
	c.expectLine(fmt.Sprintf(`{"id":4,"presence_stats":{"num_clients":%d,"num_users":10}}`, members))
	c.expectLine(`{"id":5,"error":{"code":103,"message":"permission denied"}}`)
	c.expectLine(`{"id":6,"unsubscribe":{}}`)
}

// A client that joins and leaves repeatedly is present only between a join and a leave.
func TestPresenceSurvivesFlapping(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.JoinLeave = true
	s := startBackend(t, o)
	watcher := connectSDK(t, s, signed(map[string]any{"sub": "watcher"}))
	watcher.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	watcher.expectLine(`{"id":2,"subscribe":{}}`)
	watcher.line() // its own join
	flapper := connectSDK(t, s, signed(map[string]any{"sub": "flapper"}))
	const times = 50
	for i := range times {
		flapper.sendLine("{\"id\":%d,\"subscribe\":{\"channel\":\"x\"}}\n{\"id\":%d,\"unsubscribe\":{\"channel\":\"x\"}}", 2*i+2, 2*i+3)
	}
	for range times {
		for _, what := range []string{"join", "leave"} {
			if got := watcher.line(); !strings.HasPrefix(got, `{"push":{"channel":"x","`+what+`":{"info":{"user":"flapper"`) {
				t.Fatalf("got %s, want the flapper's %s", got, what)
			}
		}
	}
	// A client that is closed leaves, too.
	cut := connectSDK(t, s, signed(map[string]any{"sub": "cut"}))
	cut.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	watcher.line()
	cut.conn.Close()
	if got := watcher.line(); !strings.Contains(got, `"leave":{"info":{"user":"cut"`) {
		t.Fatalf("got %s, want the leave of the closed client", got)
	}
	watcher.sendLine(`{"id":3,"presence_stats":{"channel":"x"}}`)
	watcher.expectLine(`{"id":3,"presence_stats":{"num_clients":1,"num_users":1}}`)
}

// A plain client receives publications, and no join and leave events.
func TestAPlainClientGetsNoJoinEvents(t *testing.T) {
	o := chat.DefaultRoom()
	o.JoinLeave = true
	s := startAPI(t, o)
	plain := dial(t, s, "x")
	c := connectSDK(t, s, userToken("ann"))
	c.enter("x")
	c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	for c.line() != `{"id":3,"unsubscribe":{}}` {
	}
	awaitFlushCounts(s)
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, each := range sh.Conns {
			if each.Handler.Timers() == nil && each.SentMessages != 0 {
				t.Errorf("got %d messages sent to the plain client, want none", each.SentMessages)
			}
		}
	})
	plain.send(ws.OpText, "hi")
	plain.expect(ws.OpText, "hi")
}
