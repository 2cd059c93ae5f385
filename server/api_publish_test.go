package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	wantCall(t, s, "publish", `{"channel":"lobby","data":1}`, `{"result":{}}`)
	a, plain := connectSDK(t, s, tokenOf("ann")), dial(t, s, "h:1")
	a.enter("h:1")

	first := call(t, s, "publish", `{"channel":"h:1","data":{"t":"<b>"},"tags":{"k":"v"}}`)
	if !strings.HasPrefix(first, `{"result":{"offset":1,"epoch":"`) {
		t.Fatalf("got %s, want offset 1", first)
	}
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":{"t":"<b>"},"offset":1,"tags":{"k":"v"}}}}`)
	plain.expect(ws.OpText, `{"t":"<b>"}`)

	wantCall(t, s, "publish", `{"channel":"h:1","data":"gone","skip_history":true}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"gone"}}}`)
	plain.expect(ws.OpText, "gone")

	// With an idempotency key, a repeated call publishes once and gets the same response.
	once := call(t, s, "publish", `{"channel":"h:1","b64data":"AP8=","idempotency_key":"k"}`)
	wantCall(t, s, "publish", `{"channel":"h:1","b64data":"AP8=","idempotency_key":"k"}`, once)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"AP8=","offset":2}}}`)
	plain.expect(ws.OpBinary, "\x00\xff")
	wantCall(t, s, "publish", `{"channel":"h:1","data":"end","skip_history":true}`, `{"result":{}}`)
	plain.expect(ws.OpText, "end")

	for params, text := range map[string]string{
		`{"data":1}`:                    "channel",
		`{"channel":"x"}`:               "data",
		`{"channel":"x","b64data":"!"}`: "b64data",

		`{"channel":"x","data":1,"b64data":"AP8="}`:                                        "data and b64data: want one of them, not both",
		`{"channel":"x\u0000","data":1}`:                                                   "channel",
		`{"channel":5,"data":1}`:                                                           "channel",
		`{"channel":"x","data":1,"idempotency_key":"` + strings.Repeat("k", 200) + `"}`:    "idempotency_key",
		`{"channel":"x","data":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`: "deep",
		`{"channel":"x","data":1,"tags":{"k":1}}`:                                          "tags",
		`[]`:  "data", // PHP's empty object
		`[1]`: "array",
	} {
		wantError(t, s, "publish", params, 107, text)
	}
	wantError(t, s, "publish", `{"channel":"x","data":"`+strings.Repeat("x", 65<<10)+`"}`, 106, "max-message")
	wantError(t, s, "publish", `{"channel":"x","data":1,"tags":{"k":"`+strings.Repeat("x", 65<<10)+`"}}`, 106, "max-message")
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("one")
	wantCall(t, s, "broadcast", `{"channels":["one","","two"],"data":"x"}`,
		`{"result":{"responses":[{"result":{}},{"error":{"code":107,"message":"bad request: channel: want 1 to 255 bytes of UTF-8 without control or invisible characters"}},{"result":{}}]}}`)
	a.expectLine(`{"push":{"channel":"one","pub":{"data":"x"}}}`)
	if got := call(t, s, "broadcast", `{"channels":["h:1","h:1"],"data":"x"}`); !strings.Contains(got, `{"result":{"offset":1,`) || !strings.Contains(got, `{"result":{"offset":2,`) {
		t.Errorf("got %s, want offsets 1 and 2", got)
	}
	wantError(t, s, "broadcast", `{"channels":[],"data":1}`, 107, "channels")
	wantError(t, s, "broadcast", `{"channels":["one"],"data":1,"b64data":"Mg=="}`, 107, "not both")
}

// A broadcast stops when its caller disconnects.
func TestABroadcastEndsWithItsCaller(t *testing.T) {
	s := startAPI(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, e := s.api.Do(asCaller(gone, s), "broadcast", []byte(`{"channels":["a","b"],"data":1}`))
	if e != session.ErrTimeout {
		t.Errorf("got %v, want an error", e)
	}
	if got := value(t, s, "throng_messages_total", ""); got != 0 {
		t.Errorf("got %v messages, want none", got)
	}
}

// An API publish waits for a room over its backlog limit, as its publishers do, but not longer than a timeout.
func TestPublishWaitsForARoomOverItsBacklog(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	r := roomOf(s, "x")
	r.Backlog.Add(r.Limit + 1)
	const params = `{"channel":"x","data":1}`
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, e := s.api.Call(asCaller(ctx, s), "publish", []byte(params)); e == nil || e.Code != 111 {
		t.Fatalf("got %v, want error 111", e)
	}
	answered := make(chan string, 1)
	go func() {
		_, body := post(t, s, "/api/publish", params, "X-API-Key", s.cfg.API.Key)
		answered <- body
	}()
	select {
	case body := <-answered:
		t.Fatalf("got %s while the room is over its backlog limit", body)
	case <-time.After(50 * time.Millisecond): // a negative check: a longer wait could only find more errors
	}
	r.Backlog.Add(-r.Limit - 1)
	if body := <-answered; body != `{"result":{}}` {
		t.Fatalf("got %s", body)
	}
	a.expectLine(`{"push":{"channel":"x","pub":{"data":1}}}`)
}

// A busy poller cannot delay a call for longer than the timeout of the call.
func TestAnAPICallHasATimeoutForTheLoop(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	connectSDK(t, s, tokenOf("ann"))
	held, release := make(chan struct{}), make(chan struct{})
	sessionsOf(s, "ann")[0].Conn.Poller().Post(func() { close(held); <-release })
	<-held
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, e := s.api.Call(asCaller(ctx, s), "subscribe", []byte(`{"user":"ann","channel":"x"}`)); e != session.ErrTimeout {
		t.Fatalf("got %v, want %v", e, session.ErrTimeout)
	}
}
