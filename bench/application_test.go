package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/agent"
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
	send func(string)
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
	u := &user{id: a.count, send: func(s string) { queue <- s }}
	if a.hello != "" {
		u.send(a.hello)
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

func (a *application) publish(room, text string) {
	for _, u := range a.rooms[room] {
		u.send(text)
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
				u.send(`40{"sid":"z44"}`)
				u.send("2") // a ping
			case strings.HasPrefix(s, "42") && json.Unmarshal([]byte(s[2:]), &event) == nil && len(event) == 2 && event[0] == "join":
				a.join(u, event[1])
			case len(event) == 2 && event[0] == "message":
				a.publish(u.room, fmt.Sprintf(`42["message",%q]`, event[1]))
			case s == "3":
			default:
				a.t.Errorf("socket.io: got %q", s)
			}
		},
	}
}

// centrifugoCommand is a command of Centrifugo's client protocol.
type centrifugoCommand struct {
	ID        int
	Connect   *struct{}
	Subscribe *struct {
		Channel, Epoch       string
		Offset               int
		Recover, Recoverable bool
	}
	Publish *struct {
		Channel string
		Data    json.RawMessage
	}
}

func (a *application) centrifugoCommand(s string) (c centrifugoCommand) {
	if err := json.Unmarshal([]byte(s), &c); err != nil {
		a.t.Errorf("centrifugo: got %q: %v", s, err)
	}
	return c
}

func centrifugo() *application {
	return &application{
		path: "/connection/websocket",
		on: func(a *application, u *user, s string) {
			switch c := a.centrifugoCommand(s); {
			case c.Connect != nil:
				u.send(fmt.Sprintf(`{"id":%d,"connect":{"client":"%d","ping":25,"pong":true}}`, c.ID, u.id))
				u.send(`{}`) // a ping
			case c.Subscribe != nil:
				a.join(u, c.Subscribe.Channel)
				u.send(fmt.Sprintf(`{"id":%d,"subscribe":{}}`, c.ID))
			case c.Publish != nil: // the push and the reply may share a frame
				for _, other := range a.rooms[c.Publish.Channel] {
					push := fmt.Sprintf(`{"push":{"channel":"%s","pub":{"data":%s}}}`, c.Publish.Channel, c.Publish.Data)
					if other == u {
						push += fmt.Sprintf("\n"+`{"id":%d,"publish":{}}`, c.ID)
					}
					other.send(push)
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
				u.send(fmt.Sprintf(`[%s,%s,%q,"phx_reply",{"status":"ok","response":{}}]`, m[0], m[1], topic))
			case "new_msg":
				a.publish(topic, fmt.Sprintf(`[null,null,%q,"new_msg",%s]`, topic, m[4]))
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
				u.send(`{"op":"joined"}`)
				return
			}
			a.publish(m.Room, fmt.Sprintf(`{"op":"msg","d":%q}`, m.D))
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
