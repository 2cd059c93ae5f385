package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// application is a server with rooms that uses a protocol above WebSocket.
type application struct {
	t     *testing.T
	path  string
	hello string                                  // sent first; empty for nothing
	on    func(a *application, m *user, s string) // handles a received text; the caller holds the lock

	subprotocols []string // supported subprotocols

	mu    sync.Mutex
	rooms map[string][]*user
	count int
}

// user is one connection.
type user struct {
	id   int
	room string
	say  func(string)
}

func startApplication(t *testing.T, a *application) string {
	a.t, a.rooms = t, map[string][]*user{}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func (a *application) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.RequestURI() != a.path {
		http.NotFound(w, q)
		return
	}
	c, err := websocket.Accept(w, q, &websocket.AcceptOptions{Subprotocols: a.subprotocols})
	if err != nil {
		a.t.Errorf("accept: %v", err)
		return
	}
	defer c.CloseNow()
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	queue := make(chan string, 4096)
	go func() {
		for {
			select {
			case s := <-queue:
				if c.Write(ctx, websocket.MessageText, []byte(s)) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	a.mu.Lock()
	a.count++
	u := &user{id: a.count, say: func(s string) { queue <- s }}
	if a.hello != "" {
		u.say(a.hello)
	}
	a.mu.Unlock()
	for {
		_, text, err := c.Read(ctx)
		if err != nil {
			return
		}
		a.mu.Lock()
		a.on(a, u, string(text))
		a.mu.Unlock()
	}
}

func (a *application) join(u *user, room string) {
	u.room = room
	a.rooms[room] = append(a.rooms[room], u)
}

func (a *application) tell(room, text string) {
	for _, u := range a.rooms[room] {
		u.say(text)
	}
}

func socketIO() *application {
	return &application{
		path:  "/socket.io/?EIO=4&transport=websocket",
		hello: `0{"sid":"x44y40{","upgrades":[],"pingInterval":25000}`, // any sid is allowed
		on: func(a *application, u *user, s string) {
			var event []string
			switch {
			case s == "40":
				u.say(`40{"sid":"z44"}`)
				u.say("2") // a ping
			case strings.HasPrefix(s, "42") && json.Unmarshal([]byte(s[2:]), &event) == nil && len(event) == 2 && event[0] == "join":
				a.join(u, event[1])
			case len(event) == 2 && event[0] == "message":
				a.tell(u.room, fmt.Sprintf(`42["message",%q]`, event[1]))
			case s == "3":
			default:
				a.t.Errorf("socket.io: got %q", s)
			}
		},
	}
}

func centrifugo() *application {
	return &application{
		path: "/connection/websocket",
		on: func(a *application, u *user, s string) {
			var c struct {
				ID        int
				Connect   *struct{}
				Subscribe *struct{ Channel string }
				Publish   *struct {
					Channel string
					Data    json.RawMessage
				}
			}
			if err := json.Unmarshal([]byte(s), &c); err != nil {
				a.t.Errorf("centrifugo: got %q: %v", s, err)
			}
			switch {
			case c.Connect != nil:
				u.say(fmt.Sprintf(`{"id":%d,"connect":{"client":"%d","ping":25,"pong":true}}`, c.ID, u.id))
				u.say(`{}`) // a ping
			case c.Subscribe != nil:
				a.join(u, c.Subscribe.Channel)
				u.say(fmt.Sprintf(`{"id":%d,"subscribe":{}}`, c.ID))
			case c.Publish != nil: // the push and the reply may share a frame
				for _, other := range a.rooms[c.Publish.Channel] {
					push := fmt.Sprintf(`{"push":{"channel":"%s","pub":{"data":%s}}}`, c.Publish.Channel, c.Publish.Data)
					if other == u {
						push += fmt.Sprintf("\n"+`{"id":%d,"publish":{}}`, c.ID)
					}
					other.say(push)
				}
			case s != "{}": // a pong
				a.t.Errorf("centrifugo: got %q", s)
			}
		},
	}
}

func phoenix() *application {
	return &application{
		path: "/socket/websocket?vsn=2.0.0",
		on: func(a *application, u *user, s string) {
			var m [5]json.RawMessage
			if err := json.Unmarshal([]byte(s), &m); err != nil {
				a.t.Errorf("phoenix: got %q: %v", s, err)
			}
			var topic, event string
			_, _ = json.Unmarshal(m[2], &topic), json.Unmarshal(m[3], &event)
			switch event {
			case "phx_join":
				a.join(u, topic)
				u.say(fmt.Sprintf(`[%s,%s,%q,"phx_reply",{"status":"ok","response":{}}]`, m[0], m[1], topic))
			case "new_msg":
				a.tell(topic, fmt.Sprintf(`[null,null,%q,"new_msg",%s]`, topic, m[4]))
			case "heartbeat":
			default:
				a.t.Errorf("phoenix: got %q", s)
			}
		},
	}
}

func template() *application {
	return &application{
		path: "/ws",
		on: func(a *application, u *user, s string) {
			var m struct{ Op, Room, D string }
			if err := json.Unmarshal([]byte(s), &m); err != nil {
				a.t.Errorf("json: got %q: %v", s, err)
			}
			if m.Op == "join" {
				a.join(u, m.Room)
				u.say(`{"op":"joined"}`)
				return
			}
			a.tell(m.Room, fmt.Sprintf(`{"op":"msg","d":%q}`, m.D))
		},
	}
}

func protocolNamed(t *testing.T, name string) agent.Protocol {
	t.Helper()
	p, err := agent.ProtocolNamed(name)
	if name == "json" {
		p, err = agent.Template(`{"op":"join","room":"{{room}}"}`, `"op":"joined"`, `{"op":"pub","room":"{{room}}","d":"{{payload}}"}`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProtocolsAreSupported(t *testing.T) {
	for _, tt := range []struct {
		name string
		new  func() *application
	}{{"socketio", socketIO}, {"centrifugo", centrifugo}, {"phoenix", phoenix}, {"json", template}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(startApplication(t, tt.new()))
			cfg.Protocol, cfg.Rooms, cfg.Connections, cfg.Drain = protocolNamed(t, tt.name), 4, 40, 10*time.Second
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
			u.say(`{}`)
		case s == "{}" && waiting[u] != "":
			honest(a, u, waiting[u])
			delete(waiting, u)
		case strings.Contains(s, `"connect"`):
			u.say(`{"id":1,"connect":{"client":"c","ping":25,"pong":true}}`)
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
	honest, said := a.on, 0
	a.on = func(a *application, u *user, s string) {
		if s == `{"id":1,"connect":{"token":"a.b.c"}}` {
			said++
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
		said = 0
		opened.Store(0)
		if r := mustRun(t, cfg); !good(r) || said != 10 || opened.Load() != 10 {
			t.Errorf("subprotocols %q: got %+v, %d with the token and %d with the headers, want 10", a.subprotocols, r.Verdict, said, opened.Load())
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
		name, says string
		new        func() *application
	}{
		{"socketio", `44{"message":"no"}`, socketIO},
		{"centrifugo", `{"id":1,"error":{"code":109,"message":"token expired"}}`, centrifugo},
		{"phoenix", `["1","1","room:bench","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`, phoenix},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := tt.new()
			a.on = func(_ *application, u *user, _ string) { u.say(tt.says) }
			cfg := testConfig(startApplication(t, a))
			cfg.Protocol, cfg.Connections = protocolNamed(t, tt.name), 3
			_, err := Run(t.Context(), cfg, nil)
			if err == nil || !strings.Contains(err.Error(), "3 refused by the server: answered "+tt.says) {
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
	if _, err := Run(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "3 refused by the server: answered close 3500 invalid token") {
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
