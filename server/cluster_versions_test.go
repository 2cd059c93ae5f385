package server

import (
	"context"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// The nodes of a version work with those of the next one: they share rooms, presence, calls and sanctions. A node of a later version does not start beside
// them, and its error names the versions.
func TestNodesOfTwoVersionsWorkTogether(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	rooms := []chat.RoomOptions{presenceRoom("p*"), memoryRoom("m*")}
	var nodes []testNode
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, startNodeWith(t, fake, name, func(c *Config) {
			c.Rooms, c.messages = rooms, 3
			if name == "c" {
				c.messages = 2 // of the version before
			}
		}))
	}
	awaitOwners(t, nodes...)
	var clients []*sdk
	for i, n := range nodes {
		c := connectSDK(t, n.Server, tokenOf([]string{"ann", "ben", "cat"}[i]))
		c.enter("m1")
		clients = append(clients, c)
		other := connectSDK(t, n.Server, tokenOf([]string{"ann", "ben", "cat"}[i]))
		other.sendLine(`{"id":2,"subscribe":{"channel":"p1"}}`)
		awaitMembers(t, "p1", i+1, nodes...)
	}
	for i, n := range nodes {
		call(t, n.Server, "publish", `{"channel":"m1","data":"from `+n.cfg.Node+`"}`)
		for _, c := range clients {
			if got := c.line(); !strings.Contains(got, "from "+n.cfg.Node) {
				t.Fatalf("got %s, want the publication %d", got, i)
			}
		}
	}
	untilDone(t, nodes[2].Server, "mute", `{"user":"ann"}`)
	untilDone(t, nodes[0].Server, "ban", `{"user":"cat","reason":"spam"}`)
	clients[2].expectClose(3507, "banned: spam")
	untilDone(t, nodes[2].Server, "disconnect", `{"user":"ben"}`)
	clients[1].expectCloseCode(3503)
	for _, n := range nodes {
		if lost := n.node.Unread(); lost > 0 {
			t.Errorf("node %s could not read %d messages", n.cfg.Node, lost)
		}
	}

	fake.Kill(nodes[2].engine)
	cfg := nodes[2].cfg
	cfg.Engine, cfg.messages, cfg.Listen, cfg.Admin = fake.Start("c"), 5, "127.0.0.1:0", "127.0.0.1:0"
	late, err := New(cfg, nodes[0].sessions.Log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := late.Run(ctx); err == nil || !strings.Contains(err.Error(), "has version 3 of the messages between nodes, and this node has version 5") {
		t.Errorf("a node that is two versions ahead: got %v, want an error with the versions", err)
	}
	for _, n := range nodes[:2] {
		eventually(t, "the run of c before to be silent", func() bool { return len(n.node.Status().Nodes) == 2 })
	}
}
