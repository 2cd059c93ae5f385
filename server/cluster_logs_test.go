package server

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// The number of logs is that of the data. A node of a version with one log does not start beside nodes with several.
func TestTheNumberOfLogsStays(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	var nodes []testNode
	for i, name := range []string{"a", "b"} {
		nodes = append(nodes, startNodeWith(t, fake, name, func(c *Config) { c.Rooms, c.ClusterLogs = []chat.RoomOptions{durableRoom("d*")}, 3-i }))
	}
	awaitOwners(t, nodes...)
	for _, n := range nodes {
		if got := len(n.sessions.DurableLogs()); got != 3 {
			t.Errorf("node %s has %d logs, want the 3 of the first node", n.cfg.Node, got)
		}
	}
	cfg := nodes[1].cfg
	cfg.Node, cfg.Engine, cfg.messages, cfg.Listen, cfg.Admin = "c", fake.Start("c"), 3, "127.0.0.1:0", "127.0.0.1:0"
	old, err := New(cfg, nodes[0].sessions.Log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := old.Run(ctx); err == nil || !strings.Contains(err.Error(), "has version 5 of the messages between nodes, and this node has version") {
		t.Errorf("a node of version 3: got %v, want an error with the versions", err)
	}
}

// A single server does not start with the data of a cluster with several logs: it would serve a part of the rooms.
func TestASingleServerNeedsOneLog(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	engine := fake.Start("a")
	if _, err := engine.Logs(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Engine, cfg.Listen, cfg.Admin = engine, "127.0.0.1:0", "127.0.0.1:0"
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "a cluster with 4 logs: start this server as a node") {
		t.Errorf("got %v, want an error with the logs", err)
	}
}
