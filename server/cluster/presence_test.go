package cluster

import (
	"strconv"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
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

// pair is two nodes, a and b, whose messages a test passes on.
type pair struct {
	a, b  *Node
	boxes map[string]*outbox
	now   time.Duration
}

func newPair() *pair {
	p := &pair{boxes: map[string]*outbox{}}
	fake := brokertest.New(brokertest.Options{})
	start := func(name string) *Node {
		n := newNode(name)
		p.boxes[name] = &outbox{Engine: fake.Start(name)}
		n.cfg.Engine, n.now = p.boxes[name], func() time.Duration { return p.now }
		n.hub = chat.New(chat.Config{Cluster: true}, chat.Formats{}, fanout.NewEngine(fanout.Config{Shards: 1}, n.cfg.Log, metrics.New(fanout.CloseLabels())))
		return n
	}
	p.a, p.b = start("a"), start("b")
	return p
}

// listed returns how many members of node a node b lists.
func (p *pair) listed() int { return len(p.b.remote.nodes[p.boxes["a"].Self()].members) }

// hear lets node a hear node b.
func (p *pair) hear() {
	p.a.table.Hear(member.Heartbeat{Name: "b", ID: string(p.boxes["b"].Self())}, p.now)
}

// send sends the presence of node a to b.
func (p *pair) send(idle bool) { p.a.sendPresence(idle); p.boxes["a"].deliver(p.b) }

// A node that is late for a moment is not silent for it: whole presences on a busy machine would keep it busy.
func TestALateNodeDoesNotGetTheWholePresence(t *testing.T) {
	p := newPair()
	p.hear()
	p.a.Joined("p", &chat.ClientInfo{Client: "ann"})
	p.send(true)
	for _, late := range []time.Duration{member.SuspectAfter, member.SuspectAfter + presenceGrace - 1} {
		p.now += late
		p.a.Joined("p", &chat.ClientInfo{Client: late.String()})
		p.send(true)
		p.hear()
		p.a.Left("p", &chat.ClientInfo{Client: late.String()})
		p.send(true)
	}
	rn := p.b.remote.nodes[p.boxes["a"].Self()]
	if p.listed() != 1 || rn.pass != 1 || len(p.boxes["b"].sent) != 0 {
		t.Errorf("node b lists %d members, has the whole presence %d times and has sent %d messages; want 1, 1 and 0", p.listed(), rn.pass, len(p.boxes["b"].sent))
	}
	p.now += member.SuspectAfter + presenceGrace
	p.send(true)
	p.hear()
	p.send(true)
	if rn.pass != 2 {
		t.Errorf("a node that was silent for long has the whole presence %d times, want 2", rn.pass)
	}
}

// The counts of a room are those of the nodes that are alive soon after a node has died, however many members it had.
func TestManyMembersOfADeadNodeLeaveSoon(t *testing.T) {
	p := newPair()
	p.b.useLogs(1)
	p.hear()
	const members = 8*endedAtOnce - 1
	for i := range members {
		p.a.Joined("p", &chat.ClientInfo{Client: strconv.Itoa(i)})
	}
	p.send(true)
	if p.listed() != members {
		t.Fatalf("node b lists %d members, want %d", p.listed(), members)
	}
	p.now += member.SuspectAfter
	p.b.endSilent(p.now, true)
	p.now += presenceGrace
	p.b.endSilent(p.now, true)
	for steps := 2; len(p.b.remote.nodes) > 0; steps++ {
		if steps > 8 {
			t.Fatalf("node b lists %d members 7 ticks after the end of the other node, want none", p.listed())
		}
		p.now += tick
		p.b.endSilent(p.now, false)
	}
}

// The answer to a request for the whole presence is late on a busy machine. A request each second would make it later.
func TestRequestsForTheWholePresenceBecomeRare(t *testing.T) {
	p := newPair()
	p.hear()
	p.send(true)
	p.a.sendPresence(true)
	p.boxes["a"].sent = nil // lost
	requests := 0
	for range 60 {
		p.now += time.Second + 1
		p.hear()
		p.send(true)
		requests += len(p.boxes["b"].sent)
		p.boxes["b"].sent = nil
	}
	if requests < 5 || requests > 8 {
		t.Errorf("%d requests in 60 s without an answer, want them after 0, 1, 3, 7, 15, 31 and 47 s", requests)
	}
	p.a.presence.want(p.boxes["b"].Self())
	p.send(true)
	if rn := p.b.remote.nodes[p.boxes["a"].Self()]; !rn.complete || rn.patience != repeatAfter {
		t.Errorf("after an answer: complete %v, the next request after %v; want true and %v", rn.complete, rn.patience, repeatAfter)
	}
}

// A node was silent, and the whole presence that it gets then is lost. The next message must not look like the one that it waits for.
func TestTheWholePresenceIsSentAgainIfItIsLost(t *testing.T) {
	p := newPair()
	a, b, boxes, hear, send, listed := p.a, p.b, p.boxes, p.hear, p.send, p.listed

	hear()
	a.Joined("p", &chat.ClientInfo{Client: "ann"})
	send(true)
	if listed() != 1 {
		t.Fatalf("node b lists %d members, want ann", listed())
	}
	p.now += member.SuspectAfter + presenceGrace
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
	p.now += repeatAfter + 1
	hear()
	for range 3 {
		send(true)
		boxes["b"].deliver(a)
	}
	if gaps, resyncs := b.links.of[boxes["a"].Self()].gaps, a.links.of[boxes["b"].Self()].resyncs; listed() != 1 || gaps != 1 || resyncs != 1 {
		t.Errorf("after a lost message: node b lists %d members and has counted %d gaps, node a %d resyncs; want 1 each", listed(), gaps, resyncs)
	}
}

// Many clients join at once when a crowd arrives. Each other node gets a message a tick then, not one for each client.
func TestChangesOfThePresenceAreGathered(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	a, b := startNode(t, fake, "a"), startNode(t, fake, "b")
	received := func() uint64 {
		for _, l := range b.Status().Links {
			if l.Peer == "a" {
				return l.Messages
			}
		}
		return 0
	}
	testkit.Eventually(t, "messages of node a", func() bool { return received() > 0 })
	const clients = 300
	before, began := received(), time.Now()
	for i := range clients {
		a.Joined("p", &chat.ClientInfo{Client: strconv.Itoa(i)})
		time.Sleep(time.Millisecond)
	}
	listed := func() int {
		b.remote.mu.Lock()
		defer b.remote.mu.Unlock()
		if rn := b.remote.nodes[a.cfg.Engine.Self()]; rn != nil {
			return len(rn.members)
		}
		return 0
	}
	testkit.Eventually(t, "the members of node a on node b", func() bool { return listed() == clients })
	most := uint64(20 + 3*time.Since(began)/tick) // with heartbeats and what a node sends each second
	if got := received() - before; got > most {
		t.Errorf("%d messages for %d clients in %v, want at most %d", got, clients, time.Since(began), most)
	}
}
