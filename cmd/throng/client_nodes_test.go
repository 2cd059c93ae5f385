package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

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
	const publishers = 10 // each begins with any of the two
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

// A new token that has expired already does not stop a client: it connects again with the next one, and receives what it missed.
func TestListenGoesOnAfterALateToken(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, recoverable)
	cfg, _, err := (&serverSettings{Config: sd.config}).load()
	if err != nil {
		t.Fatal(err)
	}
	token, err := secretSigner(testSecret).sign(jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(2 * time.Second).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	file := writeTemp(t, "token", token)
	hl := listenTo(t, "--url", cfg.Listen, "--token-file", file, "chat:tea", "--count", "1")
	hl.next(t)
	admin := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(cfg.Admin, "unix:"))
	}}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		response, err := admin.Get("http://localhost/metrics")
		if err != nil {
			t.Fatal(err)
		}
		metrics, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(metrics), `throng_command_errors_total{code="109"}`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the client did not send its token again")
		}
	}
	sd.call(t, "publish", `{"channel":"chat:tea","data":{"text":"later"}}`)
	if token, err = secretSigner(testSecret).sign(jwt.MapClaims{"sub": "ann"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	if line := hl.next(t); line.Type != lineSubscribed {
		t.Errorf("got %+v, want that it is subscribed again", line)
	}
	if got := hl.text(t); got != "later" {
		t.Errorf("got %q", got)
	}
	if err := <-hl.ended; err != nil {
		t.Error(err)
	}
}
