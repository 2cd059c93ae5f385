package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

func presenceRoom(pattern string) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.Presence, o.JoinLeave = pattern, true, true
	return o
}

// awaitMembers waits until each node counts n members of a room.
func awaitMembers(t *testing.T, room string, n int, nodes ...testNode) {
	t.Helper()
	want := fmt.Sprintf(`{"result":{"num_clients":%d,"num_users":%d}}`, n, n)
	for _, each := range nodes {
		eventually(t, fmt.Sprintf("node %s to count %d members", each.cfg.Node, n), func() bool {
			return call(t, each.Server, "presence_stats", fmt.Sprintf(`{"channel":%q}`, room)) == want
		})
	}
}

// Presence, its counts, and join and leave events are those of all nodes. The members of a node that has died leave after the grace.
func TestPresenceIsThatOfAllNodes(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, presenceRoom("p*"))
	var clients []*sdk
	for i, n := range nodes {
		c := connectSDK(t, n.Server, signed(map[string]any{"sub": fmt.Sprint("user", i), "info": map[string]int{"n": i}}))
		c.sendLine(`{"id":2,"subscribe":{"channel":"p1"}}`)
		for got := c.line(); !strings.Contains(got, `"subscribe":`); got = c.line() {
		}
		awaitMembers(t, "p1", i+1, nodes...)
		clients = append(clients, c)
	}
	for _, n := range nodes {
		got := call(t, n.Server, "presence", `{"channel":"p1"}`)
		for i := range nodes {
			if !strings.Contains(got, fmt.Sprintf(`"user":"user%d"`, i)) || !strings.Contains(got, fmt.Sprintf(`{"n":%d}`, i)) {
				t.Errorf("node %s lists %s, want user%d with its info", n.cfg.Node, got, i)
			}
		}
	}
	until := func(what string) {
		t.Helper()
		for {
			if got := clients[0].line(); strings.Contains(got, what) && strings.Contains(got, `"user2"`) {
				return
			}
		}
	}
	until(`"join":`)
	clients[2].sendLine(`{"id":3,"unsubscribe":{"channel":"p1"}}`)
	until(`"leave":`)
	awaitMembers(t, "p1", 2, nodes...)
	clients[2].sendLine(`{"id":4,"subscribe":{"channel":"p1"}}`)
	awaitMembers(t, "p1", 3, nodes...)

	late := startNode(t, fake, "c", presenceRoom("p*")) // another run: it gets the whole presence, and the run before counts until its end
	fake.Kill(nodes[2].engine)
	awaitMembers(t, "p1", 2, nodes[0], nodes[1], late)
	until(`"leave":`)
}

// A node that has missed changes gets the whole presence, and a node that is parted keeps that of before for the grace.
func TestAMissedChangeOfThePresenceIsMadeUpFor(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := startCluster(t, fake, presenceRoom("p*"))
	a, b := connectSDK(t, nodes[0].Server, signed(map[string]any{"sub": "ann"})), connectSDK(t, nodes[1].Server, signed(map[string]any{"sub": "ben"}))
	a.enter("p1")
	awaitMembers(t, "p1", 1, nodes...)
	fake.Split(nodes[2].engine)
	b.sendLine(`{"id":2,"subscribe":{"channel":"p1"}}`)
	awaitMembers(t, "p1", 2, nodes[0], nodes[1])
	a.sendLine(`{"id":3,"unsubscribe":{"channel":"p1"}}`)
	awaitMembers(t, "p1", 1, nodes[0], nodes[1])
	fake.Split()
	eventually(t, "the node to list ben only", func() bool {
		got := call(t, nodes[2].Server, "presence", `{"channel":"p1"}`)
		return strings.Contains(got, `"ben"`) && !strings.Contains(got, `"ann"`)
	})
}
