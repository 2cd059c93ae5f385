package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/server"
)

// testServer is a server on a TCP port, which guests may use.
type testServer struct {
	*server.Server
	stop func()
}

func (ts *testServer) url() string { return "ws://" + ts.Addr().String() }

// members returns the number of members of a room.
func (ts *testServer) members(t *testing.T, room string) (n int) {
	t.Helper()
	var stats struct {
		Clients int `json:"num_clients"`
	}
	if err := ts.Call(t.Context(), "presence_stats", map[string]string{"channel": room}, &stats); err != nil {
		t.Fatal(err)
	}
	return stats.Clients
}

func startOnPort(t *testing.T) *testServer {
	t.Helper()
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan struct{})
	srv.Ready = func() { close(ready) }
	go func() {
		defer close(ended)
		if err := srv.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	<-ready
	t.Cleanup(func() { stop(); <-ended })
	return &testServer{srv, func() { stop(); <-ended }}
}

// A client whose node ends goes on with another one. A new client tries each.
func TestClientsGoOnWithAnotherNode(t *testing.T) {
	t.Parallel()
	used, other := startOnPort(t), startOnPort(t) // of no cluster: the other one does not know the positions
	urls := used.url() + "," + other.url()
	const publishers = 8 // each begins with any of the two
	hl := listenTo(t, "--url", urls, "tea", "--count", fmt.Sprint(publishers))
	hl.next(t)
	if used.members(t, "tea") == 0 {
		used, other = other, used
	}
	used.stop()
	if line := hl.next(t); line.Type != lineLost {
		t.Errorf("got %+v, want the subscription on the other node", line)
	}
	for n := range publishers {
		mustCall(t, "", "publish", "--url", urls, "tea", fmt.Sprint(n))
		if got := hl.text(t); got != fmt.Sprint(n) {
			t.Errorf("got %q, want %d", got, n)
		}
	}
	if err := <-hl.ended; err != nil {
		t.Error(err)
	}
}

// A server that rejects a refresh for a time does not stop a client. This one has a new token after a second.
func TestListenGoesOnAfterALateRefresh(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // the test is over
		}
		defer func() { _ = c.CloseNow() }()
		reply := func(format string, args ...any) {
			_ = c.Write(r.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)) // without a reply, the test fails
		}
		for {
			_, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			for line := range bytes.Lines(text) {
				var command struct {
					ID                          int
					Connect, Subscribe, Refresh *struct{}
				}
				switch err := json.Unmarshal(line, &command); {
				case err != nil:
					t.Error(err)
				case command.Connect != nil:
					reply(`{"id":%d,"connect":{"client":"c","expires":true,"ttl":1}}`, command.ID)
				case command.Subscribe != nil:
					reply(`{"id":%d,"subscribe":{}}`, command.ID)
				case command.Refresh != nil:
					reply(`{"id":%d,"error":{"code":100,"message":"internal server error","temporary":true}}`, command.ID)
					reply(`{"push":{"channel":"tea","pub":{"data":{"text":"later"}}}}`)
				}
			}
		}
	}))
	t.Cleanup(srv.Close)
	hl := listenTo(t, "--url", "ws"+strings.TrimPrefix(srv.URL, "http"), "--token-file", writeTemp(t, "token", "any"), "tea", "--count", "1")
	if line := hl.next(t); line.Type != lineSubscribed {
		t.Errorf("got %+v", line)
	}
	if got := hl.text(t); got != "later" {
		t.Errorf("got %q", got)
	}
	if err := <-hl.ended; err != nil {
		t.Error(err)
	}
}
