package server

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

func TestAShutdownSendsACloseToEveryClient(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	// An address of its own: on 127.0.0.1 a parallel test may listen on the port as soon as it is free.
	cfg.Listen, cfg.Admin, cfg.Drain = "127.0.77.1:0", "off", testTimeout
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	clients := make([]*client, 50)
	for i := range clients {
		clients[i] = dial(t, s, "lobby")
	}
	clients[0].send(ws.OpText, "last words")
	clients[0].expect(ws.OpText, "last words")
	stop()
	for i, c := range clients {
		if i > 0 {
			c.expect(ws.OpText, "last words")
		}
		c.expectCloseCode(ws.CloseRestart)
		c.conn.Close()
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(testTimeout):
		t.Fatal("the server did not stop")
	}
	if _, err := dialPublic(&net.Dialer{}, s.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}

func TestTheDrainHasATimeout(t *testing.T) {
	testkit.Within(t, "a drain of 300ms", fanout.CloseTimeout, func() time.Duration { return drainOfSilentClient(t, 300*time.Millisecond) })
}

// drainOfSilentClient stops a server with a client that does not close its connection, and returns how long the stop took.
func drainOfSilentClient(t *testing.T, drain time.Duration) (took time.Duration) {
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Drain = "127.0.0.1:0", "off", drain
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	silent := dial(t, s, "lobby")
	start := time.Now()
	stop()
	select {
	case <-done:
	case <-time.After(testTimeout):
		t.Fatal("the server still waits for a client that never closes")
	}
	took = time.Since(start)
	if _, err := io.ReadAll(silent.conn); err != nil {
		t.Logf("the client sees: %v", err)
	}
	return took
}

// A connection that reaches its shard after the drain began gets a close frame, too.
func TestAConnectionDuringTheDrainGetsAClose(t *testing.T) {
	s := startServer(t, nil)
	ours, theirs := testkit.Pipe(t)
	t.Cleanup(func() { theirs.Close() })
	s.sessions.Reserve()
	s.sessions.Draining.Store(true)
	s.sessions.CloseAll()
	plain.Open(s.sessions.Hub, plain.Opening{Transport: netpoll.OverTCP(socketOf(t, ours)), Room: "lobby", Hello: []byte("hello")})
	c := &client{t: t, conn: theirs, reader: bufio.NewReader(theirs)}
	c.deadline()
	hello := make([]byte, len("hello"))
	if _, err := io.ReadFull(c.reader, hello); err != nil || string(hello) != "hello" {
		t.Fatalf("got %q, %v", hello, err)
	}
	c.expectCloseCode(ws.CloseRestart)
}

func TestAServerMayStopAsSoonAsItHasStarted(t *testing.T) {
	t.Parallel()
	for range 30 {
		cfg := DefaultConfig()
		cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
		s, err := New(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		stop()
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(testTimeout):
			t.Fatal("the server did not stop")
		}
	}
}
