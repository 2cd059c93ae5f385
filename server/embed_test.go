package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/webhook"
)

// startMounted starts a server without a port, in the HTTP server of a program. The program serves /own itself.
func startMounted(t *testing.T, change func(*Config)) (*Server, *httptest.Server) {
	t.Helper()
	s := startServer(t, func(cfg *Config) {
		cfg.Listen, cfg.Mounted, cfg.Guests = "off", true, "on"
		if change != nil {
			change(cfg)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler())
	mux.HandleFunc("/own", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "own") })
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return s, web
}

// dialMounted opens a WebSocket and returns what it reads.
func dialMounted(t *testing.T, web *httptest.Server, path string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(web.URL, "http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func readText(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	_, text, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeText(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Clients that come by the HTTP server of a program are those of a port, and the program publishes by a call.
func TestAMountedServerServesAllItsPaths(t *testing.T) {
	t.Parallel()
	s, web := startMounted(t, func(cfg *Config) { cfg.API.Key = "0123456789abcdef" })
	plain, sdk := dialMounted(t, web, "/ws?room=tea"), dialMounted(t, web, "/connection/websocket")
	writeText(t, sdk, `{"id":1,"connect":{}}`)
	if got := readText(t, sdk); !strings.Contains(got, `"connect":{`) {
		t.Errorf("got %s", got)
	}
	writeText(t, sdk, `{"id":2,"subscribe":{"channel":"tea"}}`)
	if got := readText(t, sdk); !strings.Contains(got, `"subscribe":{`) {
		t.Errorf("got %s", got)
	}
	if err := s.Publish(t.Context(), "tea", map[string]string{"text": "good day"}); err != nil {
		t.Fatal(err)
	}
	if got := readText(t, plain); got != `{"text":"good day"}` {
		t.Errorf("got %s", got)
	}
	if got := readText(t, sdk); !strings.Contains(got, `"pub":{"data":{"text":"good day"}}`) {
		t.Errorf("got %s", got)
	}
	if live := s.sessions.Live.Load(); live != 2 {
		t.Errorf("got %d connections in the event loop, want 2", live)
	}

	for _, tt := range []struct{ path, body, says string }{
		{"/own", "", "own"},
		{"/", "", "<!doctype html>"},
		{"/connection/guest", `{"name":"Ann"}`, `"token":"`},
		{"/api/presence_stats", `{"channel":"tea"}`, `"num_clients":2`},
		{"/api/publish", `{"channel":"tea","data":"` + strings.Repeat("x", 20_000) + `"}`, `"result":`}, // longer than what net/http has read with the head
		{"/own", "", "own"},
	} {
		method := http.MethodGet
		if tt.body != "" {
			method = http.MethodPost
		}
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(tt.body)
			if chunked {
				body = io.MultiReader(body) // of unknown length
			}
			request, err := http.NewRequest(method, web.URL+tt.path, body)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-API-Key", "0123456789abcdef")
			response, err := web.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || !strings.Contains(strings.ToLower(string(got)), strings.ToLower(tt.says)) {
				t.Errorf("%s: got %s: %.200s, %v, want %q", tt.path, response.Status, got, err, tt.says)
			}
		}
	}
}

// The events of the HTTP fallbacks arrive, too.
func TestAMountedServerStreams(t *testing.T) {
	t.Parallel()
	s, web := startMounted(t, nil)
	response, err := web.Client().Post(web.URL+"/connection/http_stream", "application/json", strings.NewReader(`{"id":1,"connect":{"subs":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	line := make([]byte, 512)
	if n, err := response.Body.Read(line); err != nil || !strings.Contains(string(line[:n]), `"connect":{`) {
		t.Errorf("got %s, %v", line[:n], err)
	}
	if live := s.sessions.Live.Load(); live != 1 {
		t.Errorf("got %d connections in the event loop, want 1", live)
	}
}

func TestAMountedServerRefusesWhatItCannotTake(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Mounted = "off", "off", true
	if cfg.guestsAllowed() {
		t.Error("guests are allowed, although the port of the program may be open to the network")
	}
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	early := httptest.NewRecorder()
	s.Handler().ServeHTTP(early, httptest.NewRequest(http.MethodGet, "/ws", nil))
	if early.Code != http.StatusServiceUnavailable || early.Header().Get("Retry-After") == "" {
		t.Errorf("before Run: got %d", early.Code)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	eventually(t, "the server to run", func() bool {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ws", nil))
		return w.Code == http.StatusInternalServerError && strings.Contains(w.Body.String(), "http.Hijacker")
	})
	over := httptest.NewTLSServer(s.Handler())
	defer over.Close()
	response, err := over.Client().Get(over.URL + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotImplemented {
		t.Errorf("TLS: got %s", response.Status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	late := httptest.NewRecorder()
	s.Handler().ServeHTTP(late, httptest.NewRequest(http.MethodGet, "/ws", nil))
	if late.Code != http.StatusServiceUnavailable {
		t.Errorf("after Run: got %d", late.Code)
	}
}

func TestCallsOfAProgram(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(cfg *Config) { cfg.Rooms = []chat.RoomOptions{roomWithHistory("chat:*")} })
	for _, text := range []string{"one", "two"} {
		if err := s.Publish(t.Context(), "chat:tea", text); err != nil {
			t.Fatal(err)
		}
	}
	var history struct {
		Offset       uint64
		Publications []struct{ Data string }
	}
	if err := s.Call(t.Context(), "history", map[string]any{"channel": "chat:tea", "limit": 10}, &history); err != nil || history.Offset != 2 || len(history.Publications) != 2 || history.Publications[1].Data != "two" {
		t.Errorf("got %+v, %v", history, err)
	}
	batch := map[string]any{"commands": []any{map[string]any{"publish": map[string]any{"channel": "chat:tea", "data": 3}}, map[string]any{"nothing": map[string]any{}}}}
	var replies struct{ Replies []map[string]json.RawMessage }
	if err := s.Call(t.Context(), "batch", batch, &replies); err != nil || len(replies.Replies) != 2 || replies.Replies[0]["publish"] == nil || replies.Replies[1]["error"] == nil {
		t.Errorf("got %s, %v", replies, err)
	}
	for _, tt := range []struct {
		method string
		params any
		code   uint32
	}{
		{"publish", map[string]any{"channel": ""}, 107}, {"publish", 7, 107}, {"no_such", nil, 104}, {"history", map[string]any{"channel": "other"}, 108},
	} {
		var e *CallError
		if err := s.Call(t.Context(), tt.method, tt.params, nil); !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%s: got %v, want error %d", tt.method, err, tt.code)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Call(ended, "history", map[string]any{"channel": "chat:tea", "limit": 10}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context has ended", err)
	}
}

// A handler decides about clients and is informed about them. While it waits, the event loop serves other clients.
func TestTheHandlerOfAProgramDecides(t *testing.T) {
	t.Parallel()
	asked, wait, gone := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	s := startServer(t, func(cfg *Config) {
		cfg.Guests = "on"
		cfg.Webhooks.Events, cfg.Webhooks.Timeout = []string{"connect", "disconnect"}, 10*time.Second
		cfg.Webhooks.Handler = func(ctx context.Context, e *Event) (*Reply, error) {
			switch {
			case e.Event == "disconnect":
				if e.User == "ann" {
					gone <- e.User
				}
				return nil, nil
			case e.Name == "slow":
				close(asked)
				select {
				case <-wait:
				case <-ctx.Done():
				}
				return nil, nil
			case e.Name == "panics":
				panic("test")
			case e.Name == "refused":
				return &Reply{Error: &webhook.Error{Code: 403, Message: "not you"}}, nil
			}
			return &Reply{User: "ann", Channels: []string{"tea"}, Data: []byte("{\n}")}, nil
		}
	})
	connect := func(name string) *sdk {
		c := dialSDKBy(t, s, &net.Dialer{}, "")
		c.sendLine(`{"id":1,"connect":{"name":%q}}`, name)
		return c
	}
	slow := connect("slow")
	<-asked
	ann := connect("")
	if got := ann.line(); !strings.Contains(got, `"tea":{`) || !strings.Contains(got, `"data":{}`) {
		t.Errorf("got %s, want the room and the data of the reply", got)
	}
	if got := connect("refused").line(); !strings.Contains(got, `"error":{"code":403,"message":"not you"}`) {
		t.Errorf("got %s", got)
	}
	if got := connect("panics").line(); !strings.Contains(got, `"error":{"code":100,`) {
		t.Errorf("got %s", got)
	}
	close(wait)
	if got := slow.line(); !strings.Contains(got, `"connect":{`) {
		t.Errorf("got %s", got)
	}
	ann.conn.Close()
	if user := <-gone; user != "ann" {
		t.Errorf("got %q", user)
	}
}
