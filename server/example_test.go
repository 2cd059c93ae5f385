package server_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
)

// A server on ports of its own, in a program that publishes.
func ExampleNew() {
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	ready := make(chan struct{})
	srv.Ready = func() { close(ready) }
	go func() { ended <- srv.Run(ctx) }()
	<-ready

	if err := srv.Publish(ctx, "news", map[string]string{"text": "good day"}); err != nil {
		log.Fatal(err)
	}
	var stats struct {
		Clients int `json:"num_clients"`
	}
	if err := srv.Call(ctx, "presence_stats", map[string]string{"channel": "news"}, &stats); err != nil {
		log.Fatal(err)
	}
	fmt.Println("clients:", stats.Clients)

	stop() // a graceful stop: all clients get a close frame
	fmt.Println(<-ended)
	// Output:
	// clients: 0
	// <nil>
}

// The chat below paths of an HTTP server of the program.
func ExampleServer_Handler() {
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "off", "off"
	cfg.Mounted = true
	cfg.Guests = "on"
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	ready := make(chan struct{})
	srv.Ready = func() { close(ready) }
	go func() { ended <- srv.Run(ctx) }()
	<-ready

	mux := http.NewServeMux()
	mux.Handle("/connection/", srv.Handler()) // SDK clients
	mux.Handle("/ws", srv.Handler())          // plain clients
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "the program") })
	web := httptest.NewServer(mux) // http.ListenAndServe(":8080", mux)

	var client *websocket.Conn
	for client == nil { // the handler replies with 503 until the server accepts connections
		client, _, _ = websocket.Dial(ctx, "ws"+strings.TrimPrefix(web.URL, "http")+"/ws?room=tea", nil)
	}
	if err := srv.Publish(ctx, "tea", "good day"); err != nil {
		log.Fatal(err)
	}
	_, text, err := client.Read(ctx)
	fmt.Println(string(text), err)

	_ = client.CloseNow()
	stop()
	fmt.Println(<-ended)
	web.Close()
	// Output:
	// good day <nil>
	// <nil>
}

// The program receives a room, as its members do.
func ExampleServer_Subscribe() {
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
	news := chat.DefaultRoom()
	news.Pattern, news.HistorySize, news.HistoryTTL = "news", 100, time.Hour
	cfg.Rooms = append(cfg.Rooms, news)
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	ready := make(chan struct{})
	srv.Ready = func() { close(ready) }
	go func() { ended <- srv.Run(ctx) }()
	<-ready

	type article struct{ Title string }
	enough := errors.New("enough")
	archive := func(p server.Publication, a article) error { // may block: the clients do not wait for it
		fmt.Println(p.Position.Offset, a.Title)
		if p.Position.Offset == 2 {
			return enough
		}
		return nil
	}
	sub, err := srv.Subscribe(ctx, "news", server.SubscribeOptions{}, server.Typed(archive))
	if err != nil {
		log.Fatal(err)
	}
	for _, title := range []string{"Good day", "Good night"} {
		if err := srv.Publish(ctx, "news", article{title}); err != nil {
			log.Fatal(err)
		}
	}
	<-sub.Done()
	fmt.Println(sub.Err())

	// Another subscription continues behind a position, if the history has it.
	again, err := srv.Subscribe(ctx, "news", server.SubscribeOptions{Since: new(sub.Position())}, func(p server.Publication) error {
		fmt.Println(p.Position.Offset, string(p.Data))
		return enough
	})
	if err != nil {
		log.Fatal(err)
	}
	<-again.Done()
	stop()
	fmt.Println(<-ended)
	// Output:
	// 1 Good day
	// 2 Good night
	// enough
	// 2 {"Title":"Good night"}
	// <nil>
}

// The program receives all rooms of a kind.
func ExampleServer_SubscribePattern() {
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	ready := make(chan struct{})
	srv.Ready = func() { close(ready) }
	go func() { ended <- srv.Run(ctx) }()
	<-ready

	sub, err := srv.SubscribePattern(context.Background(), "orders:*", server.PatternOptions{
		OnGap: func(g server.Gap) { fmt.Println(g.Lost, "publications did not find a place in the queue") },
	}, func(p server.Publication) error {
		fmt.Println(p.Room, string(p.Data))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, room := range []string{"orders:7", "news", "orders:8"} { // rooms without members, too
		if err := srv.Publish(ctx, room, "paid"); err != nil {
			log.Fatal(err)
		}
	}
	stop() // the subscription first receives what its queue has
	fmt.Println(<-ended)
	<-sub.Done()
	// Output:
	// orders:7 "paid"
	// orders:8 "paid"
	// <nil>
}

// The program learns which clients come and go.
func ExampleServer_Watch() {
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
	srv, err := server.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	ready := make(chan struct{})
	srv.Ready = func() { close(ready) }
	go func() { ended <- srv.Run(ctx) }()
	<-ready

	left := errors.New("it has left")
	sub, err := srv.Watch(ctx, server.WatchOptions{Kinds: server.Joined | server.Left}, func(a server.Activity) error {
		if a.Kind == server.Left {
			return left
		}
		fmt.Println("joined:", a.Room)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	client, _, err := websocket.Dial(ctx, "ws://"+srv.Addr().String()+"/ws?room=tea", nil)
	if err != nil {
		log.Fatal(err)
	}
	_ = client.CloseNow()
	<-sub.Done()
	fmt.Println(sub.Err())
	stop()
	fmt.Println(<-ended)
	// Output:
	// joined: tea
	// it has left
	// <nil>
}

// A function decides about each connection, and is called when one has ended.
func ExampleConfig_handler() {
	cfg := server.DefaultConfig()
	cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
	cfg.Webhooks.Events = []string{"connect", "disconnect"}
	cfg.Webhooks.Handler = func(ctx context.Context, e *server.Event) (*server.Reply, error) {
		switch e.Event {
		case "connect": // the client waits; the event loop does not
			return &server.Reply{User: "ann", Channels: []string{"news"}}, nil
		case "disconnect":
			fmt.Println(e.User, "is gone:", e.Reason)
		}
		return nil, nil
	}
	_, err := server.New(cfg, slog.New(slog.DiscardHandler))
	fmt.Println(err)
	// Output: <nil>
}
