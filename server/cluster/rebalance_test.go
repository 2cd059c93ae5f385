package cluster

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
)

// startNode starts a node that runs until the test ends.
func startNode(t *testing.T, fake *brokertest.Fake, name string) *Node {
	t.Helper()
	return startNodeWith(t, fake, name, 1)
}

// startNodeWith is startNode. If it is the first node, there are so many durable logs.
func startNodeWith(t *testing.T, fake *brokertest.Fake, name string, logs int) *Node {
	t.Helper()
	return startNodeMoving(t, fake, name, logs, 100*time.Millisecond)
}

// startNodeMoving is startNodeWith. Logs that are in use move to a better node after a time.
func startNodeMoving(t *testing.T, fake *brokertest.Fake, name string, logs int, after time.Duration) *Node {
	t.Helper()
	n := New(Config{Engine: fake.Start(name), Name: name, Size: 3, Logs: logs, Log: slog.New(slog.DiscardHandler)})
	n.rebalanceAfter = after
	h := newHub(n)
	go n.Run(t.Context())
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, lg := range h.Logs() {
		go lg.Run(t.Context())
	}
	return n
}

// propose publishes in a room by a node, and waits for the answer.
func propose(t *testing.T, n *Node, room string) (at chat.StreamPosition, e *chat.Rejection) {
	t.Helper()
	done := make(chan struct{})
	n.hub.Propose(n.hub.RoomRef(room), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{}, func(of chat.StreamPosition, why *chat.Rejection) {
		at, e = of, why
		close(done)
	})
	select {
	case <-done:
		return at, e
	case <-time.After(testkit.Timeout):
		t.Fatalf("publish in %s: no answer", room)
		panic("not reached")
	}
}

// newHub returns a hub that has joined a node. Its rooms d... are durable.
func newHub(n *Node) *chat.Hub {
	log := n.cfg.Log
	e := fanout.NewEngine(fanout.Config{Shards: 1, MaxConnections: 10, MaxMessage: 1 << 10, MaxUnsent: 1 << 20, MaxRetained: 1 << 20}, log, metrics.New(fanout.CloseLabels()))
	room := func(pattern string, durable bool) chat.RoomOptions {
		o := chat.DefaultRoom()
		o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery, o.Durable = pattern, 10, time.Minute, true, durable
		return o
	}
	h := chat.New(chat.Config{
		Rooms: []chat.RoomOptions{room("d*", true), room("m", false)}, OtherRooms: chat.RoomsOpen, HistoryBytes: 1 << 20, Cluster: true,
	}, chat.Formats{}, e)
	n.Join(h, home.Config{Engine: n.cfg.Engine, MaxBytes: 1 << 20})
	return h
}

// bestName returns a name of a node that is better than others for all logs.
func bestName(others ...string) string {
	for i := 0; ; i++ {
		table := member.New(fmt.Sprint("n", i), 3, 0)
		for _, name := range others {
			table.Hear(member.Heartbeat{Name: name, ID: name, Ready: true}, 0)
		}
		name := fmt.Sprint("n", i)
		durable, _ := table.Best(0, 0)
		if inMemory, _ := table.Best(-1, 0); durable == name && inMemory == name {
			return name
		}
	}
}

// A log moves to the node that should own it. Publications go on, with the same epoch.
func TestALogMovesToTheBestNode(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	a := startNode(t, fake, "a")
	startNode(t, fake, "b")
	owned := func(n *Node) bool { return n.logs.all()[0].log.Owns() && n.logs.all()[1].log.Owns() }
	publish := func(room string) chat.StreamPosition {
		t.Helper()
		at, e := propose(t, a, room)
		if e != nil {
			t.Errorf("publish in %s: %+v", room, e)
		}
		return at
	}
	testkit.Eventually(t, "owners", func() bool { ok, _ := a.Accepts(); return ok })
	before := map[string]chat.StreamPosition{"d": publish("d"), "m": publish("m")}
	best := startNode(t, fake, bestName("a", "b"))
	testkit.Eventually(t, "the best node to own both logs", func() bool { return owned(best) })
	for room, was := range before {
		if got := publish(room); got.Offset != was.Offset+1 || got.Epoch != was.Epoch {
			t.Errorf("%s: got %v after the move, %v before: want the next offset and the same epoch", room, got, was)
		}
	}
}

// Before anything is published, a log on disk moves to a better node at once: the nodes of a new cluster may start long after the first ones. Then it is in use.
func TestANewLogMovesAtOnce(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	a, b := startNodeMoving(t, fake, "a", 1, time.Hour), startNodeMoving(t, fake, "b", 1, time.Hour)
	testkit.Eventually(t, "owners", func() bool { ok, _ := a.Accepts(); return ok })
	first := a
	if b.logs.all()[0].log.Owns() {
		first = b
	}
	if !first.logs.all()[0].isNew() {
		t.Error("the log of a new cluster is in use before the first publication")
	}
	best := startNodeMoving(t, fake, bestName("a", "b"), 1, time.Hour)
	testkit.Eventually(t, "the best node to own the log", best.logs.all()[0].log.Owns)
	if best.logs.all()[0].isNew() {
		t.Error("the log is new for its second owner")
	}
}

// A log in which somebody has published is in use, also if it has its first owner.
func TestALogWithAPublicationIsNotNew(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	nodes := []*Node{startNodeMoving(t, fake, "a", 1, time.Hour), startNodeMoving(t, fake, "b", 1, time.Hour)}
	testkit.Eventually(t, "owners", func() bool { ok, _ := nodes[0].Accepts(); return ok })
	if _, e := propose(t, nodes[0], "d"); e != nil {
		t.Fatalf("publish: %+v", e)
	}
	for _, n := range nodes {
		if lg := n.logs.all()[0]; lg.log.Owns() && lg.isNew() {
			t.Errorf("%s: the log is new after a publication", n.cfg.Name)
		}
	}
}

// A node that loses a log which it owned takes it again at once, although a better node is starting: only the logs of a new cluster wait for such a node.
func TestAnOwnerDoesNotWaitForANodeThatStarts(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	owner, other := startNodeMoving(t, fake, "a", 1, time.Hour), startNodeMoving(t, fake, "b", 1, time.Hour)
	testkit.Eventually(t, "owners", func() bool {
		a, _ := owner.Accepts()
		b, _ := other.Accepts()
		return a && b
	})
	if other.logs.all()[0].log.Owns() {
		owner = other
	}
	owner.mu.Lock()
	defer owner.mu.Unlock()
	now, name := owner.now(), bestName("a", "b")
	owner.table.Hear(member.Heartbeat{Name: name, ID: name}, now)
	if !owner.table.ShouldTry(0, now) {
		t.Error("the node that owned the log waits for a node that starts")
	}
}
