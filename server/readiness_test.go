package server

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webhook"
)

func TestReadyzListsTheChecks(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 2 })
	dial(t, s, "lobby")
	var got admin.Readiness
	if status := getJSON(t, s, "/readyz?verbose", &got); status != http.StatusOK {
		t.Errorf("got %d, want 200", status)
	}
	want := admin.Readiness{Status: "ready", Checks: map[string]admin.Check{"accepting": {OK: true}, "connections": {OK: true, Detail: "1 of 2"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	dial(t, s, "lobby")
	getJSON(t, s, "/readyz?verbose", &got)
	if c := got.Checks["connections"]; c.OK || c.Detail != "2 of 2" {
		t.Errorf("got %+v, want it full", c)
	}
	var text string
	if status := getJSON(t, s, "/readyz", &text); status != http.StatusOK || text != "ready" {
		t.Errorf("without verbose: got %d %q, want 200 \"ready\"", status, text)
	}
	s.sessions.Draining.Store(true)
	defer s.sessions.Draining.Store(false)
	if status := getJSON(t, s, "/readyz?verbose", &got); status != http.StatusServiceUnavailable || got.Status != "draining" || got.Checks["accepting"].OK {
		t.Errorf("while draining: got %d %+v, want 503", status, got)
	}
}

// The check shows that the application is down, and the server stays ready.
func TestReadyzShowsAnApplicationThatIsDown(t *testing.T) {
	answer := `{"result":{}}`
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { return answer }})
	s := startHooked(t, a, nil)
	webhooks := func() admin.Check {
		t.Helper()
		var got admin.Readiness
		if status := getJSON(t, s, "/readyz?verbose", &got); status != http.StatusOK || got.Status != "ready" {
			t.Fatalf("got %d %+v, want 200 in spite of the application", status, got)
		}
		return got.Checks["webhooks"]
	}
	if c := webhooks(); !c.OK || !reflect.DeepEqual(c.Events[session.OnConnect], session.HookHealth{OK: true}) {
		t.Errorf("before the first request: got %+v", c)
	}
	connectSDK(t, s, userToken("ann"))
	if e := webhooks().Events[session.OnConnect]; !e.OK || e.Result != string(webhook.OK) || e.At == nil || time.Since(*e.At) > testTimeout {
		t.Errorf("got %+v, want ok, just now", e)
	}
	a.CloseClientConnections()
	a.Listener.Close()
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, userToken("bob"))
	c.line()
	got := webhooks()
	if e := got.Events[session.OnConnect]; got.OK || e.OK || e.Result != string(webhook.Unreachable) || e.Failures < 1 {
		t.Errorf("got %+v, want the application unreachable", got)
	}
}
