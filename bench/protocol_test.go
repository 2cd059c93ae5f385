package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

func TestProtocolsAreSupported(t *testing.T) {
	for _, tt := range []struct {
		name string
		new  func() *application
	}{{"socketio", socketIO}, {"centrifugo", centrifugo}, {"phoenix", phoenix}, {"json", template}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(startApplication(t, tt.new()))
			cfg.Protocol, cfg.Rooms, cfg.Connections = protocolNamed(t, tt.name), 4, 40
			r := mustRun(t, cfg)
			if want := uint64(10 * 240); !good(r) || r.Connect.Opened != 40 || r.Delivery.Got != want || r.Delivery.Expected != want {
				t.Errorf("got %+v, %d opened, %+v, want %d deliveries", r.Verdict, r.Connect.Opened, r.Delivery, want)
			}
		})
	}
}

// A ping during the join needs a pong, too.
func TestAPingBeforeTheLastStepIsAnswered(t *testing.T) {
	t.Parallel()
	a := centrifugo()
	honest, waiting := a.on, map[*user]string{}
	a.on = func(a *application, u *user, s string) {
		switch {
		case strings.Contains(s, `"subscribe"`): // only after the pong
			waiting[u] = s
			u.send(`{}`)
		case s == "{}" && waiting[u] != "":
			honest(a, u, waiting[u])
			delete(waiting, u)
		case strings.Contains(s, `"connect"`):
			u.send(`{"id":1,"connect":{"client":"c","ping":25,"pong":true}}`)
		default:
			honest(a, u, s)
		}
	}
	cfg := testConfig(startApplication(t, a))
	cfg.Protocol, cfg.Connections, cfg.DialTimeout = protocolNamed(t, "centrifugo"), 10, 5*time.Second
	if r := mustRun(t, cfg); !good(r) || r.Connect.Opened != 10 || r.Delivery.Pings != 10 {
		t.Errorf("got %+v, %d opened, %d pings", r.Verdict, r.Connect.Opened, r.Delivery.Pings)
	}
}

// Each client sends the configured headers, subprotocol and token.
func TestClientsSendTheirCredentials(t *testing.T) {
	t.Parallel()
	a := centrifugo()
	honest, withToken := a.on, 0
	a.on = func(a *application, u *user, s string) {
		if s == `{"id":1,"connect":{"token":"a.b.c"}}` {
			withToken++
		}
		honest(a, u, s)
	}
	startApplication(t, a)
	var opened atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") == "Bearer x:y" && q.Header.Get("X-Two") == "2" && q.Header.Get("Sec-WebSocket-Protocol") == "chat.v1" {
			opened.Add(1)
		}
		a.ServeHTTP(w, q)
	}))
	t.Cleanup(srv.Close)
	cfg := testConfig("ws" + strings.TrimPrefix(srv.URL, "http"))
	cfg.Connections, cfg.Headers, cfg.Subprotocol = 10, []string{"Authorization: Bearer x:y", "X-Two:2"}, "chat.v1"
	var err error
	if cfg.Protocol, err = protocolNamed(t, "centrifugo").WithToken("a.b.c"); err != nil {
		t.Fatal(err)
	}
	for _, a.subprotocols = range [][]string{nil, {"chat.v1"}} { // the server may choose none
		withToken = 0
		opened.Store(0)
		if r := mustRun(t, cfg); !good(r) || withToken != 10 || opened.Load() != 10 {
			t.Errorf("subprotocols %q: got %+v, %d with the token and %d with the headers, want 10", a.subprotocols, r.Verdict, withToken, opened.Load())
		}
	}
	if p := protocolNamed(t, "centrifugo"); strings.Contains(p.Steps[0].Send, "a.b.c") {
		t.Error("WithToken changed the table of protocols")
	}
	cfg.Subprotocol, a.subprotocols = "chat.v2", []string{"chat.v1"}
	cfg.Headers = nil
	if r := mustRun(t, cfg); !good(r) {
		t.Errorf("an unsupported subprotocol: got %+v", r.Verdict)
	}
	for _, bad := range []string{"", "no colon", "a b:c", "X:1\r\nY: 2", "Host: example.org", "sec-websocket-key: x"} {
		cfg.Headers = []string{bad}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "header ") {
			t.Errorf("the header %q: got %v", bad, err)
		}
	}
	if _, err := protocolNamed(t, "phoenix").WithToken("a"); err == nil {
		t.Error("phoenix accepts a token")
	}
	if _, err := protocolNamed(t, "centrifugo").WithToken(`a"`); err == nil {
		t.Error("a token with a quotation mark is accepted")
	}
}

func TestRejectionsOfAProtocolAreReported(t *testing.T) {
	for _, tt := range []struct {
		name, response string
		new            func() *application
	}{
		{"socketio", `44{"message":"no"}`, socketIO},
		{"centrifugo", `{"id":1,"error":{"code":109,"message":"token expired"}}`, centrifugo},
		{"phoenix", `["1","1","room:bench","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`, phoenix},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := tt.new()
			a.on = func(_ *application, u *user, _ string) { u.send(tt.response) }
			cfg := testConfig(startApplication(t, a))
			cfg.Protocol, cfg.Connections = protocolNamed(t, tt.name), 3
			_, err := Run(t.Context(), cfg, nil)
			if err == nil || !strings.Contains(err.Error(), "3 × rejected by the server: answered "+tt.response) {
				t.Errorf("got %v, want the rejection", err)
			}
		})
	}
}

// Many servers reject a client by a close frame with the reason.
func TestACloseDuringTheJoinIsReportedWithItsReason(t *testing.T) {
	t.Parallel()
	cfg := testConfig(hostile(t, writer(t, ws.AppendFrame(nil, ws.OpClose, ws.ClosePayload(3500, "invalid token")))))
	cfg.Protocol, cfg.Connections = protocolNamed(t, "centrifugo"), 3
	if _, err := Run(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "3 × rejected by the server: answered close 3500 invalid token") {
		t.Errorf("got %v, want the close frame's reason", err)
	}
}

func TestProtocolThatLosesIsCaught(t *testing.T) {
	t.Parallel()
	a := socketIO()
	honest, n := a.on, 0
	a.on = func(a *application, u *user, s string) {
		if strings.HasPrefix(s, `42["message"`) {
			if n++; n == 100 {
				return
			}
		}
		honest(a, u, s)
	}
	cfg := testConfig(startApplication(t, a))
	cfg.Protocol = protocolNamed(t, "socketio")
	if r := mustRun(t, cfg); r.Verdict.Code != result.Broken || r.Delivery.Faults != (result.Faults{Lost: 50}) {
		t.Errorf("got %+v, %+v, want one message lost for all members", r.Verdict, r.Delivery.Faults)
	}
}
