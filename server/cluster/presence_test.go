package cluster

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
)

// outbox is an engine that keeps what its node sends.
type outbox struct {
	broker.Engine
	sent [][]byte
}

func (ob *outbox) Send(_ broker.NodeID, b []byte) { ob.sent = append(ob.sent, b) }

// deliver passes what a node has sent to another one.
func (ob *outbox) deliver(to *Node) {
	sent := ob.sent
	ob.sent = nil
	for _, b := range sent {
		to.receive(ob.Self(), b)
	}
}

// A node was silent, and the whole presence that it gets then is lost. The next message must not look like the one that it waits for.
func TestTheWholePresenceIsSentAgainIfItIsLost(t *testing.T) {
	fake := brokertest.New(brokertest.Options{})
	var now time.Duration
	boxes, nodes := map[string]*outbox{}, map[string]*Node{}
	for _, name := range []string{"a", "b"} {
		n := newNode(name)
		boxes[name] = &outbox{Engine: fake.Start(name)}
		n.cfg.Engine, n.now = boxes[name], func() time.Duration { return now }
		n.hub = chat.New(chat.Config{Cluster: true}, chat.Formats{}, fanout.NewEngine(fanout.Config{Shards: 1}, n.cfg.Log, metrics.New(fanout.CloseLabels())))
		nodes[name] = n
	}
	a, b := nodes["a"], nodes["b"]
	listed := func() int { return len(b.remote.nodes[boxes["a"].Self()].members) }
	send := func(idle bool) { a.sendPresence(idle); boxes["a"].deliver(b) }
	hear := func() { a.table.Hear(member.Heartbeat{Name: "b", ID: string(boxes["b"].Self())}, now) }

	hear()
	a.Joined("p", &chat.ClientInfo{Client: "ann"})
	send(true)
	if listed() != 1 {
		t.Fatalf("node b lists %d members, want ann", listed())
	}
	now += 2 * member.SuspectAfter
	a.Left("p", &chat.ClientInfo{Client: "ann"})
	send(true)
	hear()
	a.sendPresence(true)
	boxes["a"].sent = nil
	for range 3 {
		send(true)
		boxes["b"].deliver(a)
		send(false)
	}
	if listed() != 0 {
		t.Error("node b lists a member that has left")
	}
	a.links.named(boxes["b"].Self(), "b")
	b.links.named(boxes["a"].Self(), "a")
	a.Joined("p", &chat.ClientInfo{Client: "eve"})
	a.sendPresence(false)
	boxes["a"].sent = nil // lost
	now += repeatAfter + 1
	hear()
	for range 3 {
		send(true)
		boxes["b"].deliver(a)
	}
	if gaps, resyncs := b.links.of[boxes["a"].Self()].gaps, a.links.of[boxes["b"].Self()].resyncs; listed() != 1 || gaps != 1 || resyncs != 1 {
		t.Errorf("after a lost message: node b lists %d members and has counted %d gaps, node a %d resyncs; want 1 each", listed(), gaps, resyncs)
	}
}
