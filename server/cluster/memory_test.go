package cluster

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/testkit"
)

func newNode(name string) *Node {
	n := New(Config{Engine: brokertest.New(brokertest.Options{}).Start(name), Name: name, Size: 3, Log: slog.New(slog.DiscardHandler)})
	newHub(n)
	n.useLogs(1)
	return n
}

// An owner that is not heard may take later terms before it notices. They lose against the next owner, which has a majority, and win against a node
// without a majority.
func TestTheOwnerOfTheMajorityHasTheLatestTerm(t *testing.T) {
	n := newNode("a")
	m := n.homeMemory(n.logs.all()[1])
	heard := m.Term(0, false)
	unheard := heard
	for range 10 {
		unheard = m.Term(unheard, true)
	}
	if next := m.Term(heard, false); next <= unheard {
		t.Errorf("the next owner has the term %d, want more than the %d of the one before it", next, unheard)
	}
	renewed := m.Term(heard, true)
	n.majority = false
	alone := heard
	for range 10 {
		alone = m.Term(alone, false)
	}
	if alone >= renewed {
		t.Errorf("a node without a majority has the term %d, want less than the %d of the owner", alone, renewed)
	}
}

// counting is an engine that counts the messages to all nodes.
type counting struct {
	broker.Engine
	sent int
}

func (co *counting) Broadcast([]byte) { co.sent++ }

// If many nodes come and go, each of them changes what the others reach. A heartbeat to all nodes for each change would be a flood.
func TestChangesOfTheReachCauseFewHeartbeats(t *testing.T) {
	n := newNode("a")
	engine := &counting{Engine: n.cfg.Engine}
	n.cfg.Engine = engine
	begin := time.Minute
	n.keepMemory(begin)
	const changes, apart = 14, member.Interval / 3
	for i := range changes {
		now := begin + time.Duration(1+i)*apart
		n.table.Hear(member.Heartbeat{Name: fmt.Sprint("n", i), ID: fmt.Sprint("n", i, "-1")}, now)
		n.keepMemory(now)
		if i == 0 && engine.sent != 1 {
			t.Errorf("got %d heartbeats at the first change, want 1 at once", engine.sent)
		}
	}
	if want := (changes + 2) / 3; engine.sent != want {
		t.Errorf("got %d heartbeats for %d changes, want %d: one in each interval", engine.sent, changes, want)
	}
}

// A node that reaches others again waits for the heartbeat of the owner before it takes a log.
func TestANodeThatIsBackWaitsForTheOwner(t *testing.T) {
	n := newNode("a")
	n.ready = true
	back := time.Minute
	n.since = back
	for _, lg := range n.logs.all() {
		n.table.Hear(member.Heartbeat{Name: "c", ID: "c1", Ready: true, Owns: map[int]member.Claim{lg.shard: {Term: 1}}}, 0)
		n.table.Hear(member.Heartbeat{Name: "b", ID: "b1"}, back)
		if n.shouldTry(lg, back) || n.shouldTry(lg, back+2*member.Interval-1) {
			t.Errorf("%s log: the node takes it before the heartbeats have arrived", n.logs.nameOf(lg))
		}
		if !n.shouldTry(lg, back+2*member.Interval) {
			t.Errorf("%s log: nobody takes it", n.logs.nameOf(lg))
		}
	}
}

// A node has replaced its copy by that of another owner, which had removed its fence. Then the node has noted itself as the last owner, and must not take the
// records for its own ones.
func TestACopyWithoutTheFenceOfItsOwnerIsUncertain(t *testing.T) {
	n := newNode("a")
	lg := n.logs.all()[1]
	var w record.Writer
	if err := w.Add(&record.Entry{Kind: record.Fence, Data: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if apply, _ := lg.memory.Receive("b", 1, w.Seal(record.Header{Term: 7})); !apply {
		t.Fatal("the first record of the owner is not stored")
	}
	self := string(n.cfg.Engine.Self())
	if got := n.takeover(lg, home.Owner{Node: self, Term: 6}); !got.Uncertain {
		t.Errorf("the records of term 7 are not uncertain for the owner of term 6: %+v", got)
	}
	n.majority = true
	mine := home.Owner{Node: self, Term: 7}
	if got := n.takeover(lg, mine); got != (home.Takeover{}) {
		t.Errorf("the own records are uncertain: %+v", got)
	}
	lg.left.Store(&member.Claim{Term: 7, To: "b"})
	if got := n.takeover(lg, mine); got != (home.Takeover{Uncertain: true, Alone: true}) {
		t.Errorf("a log that was handed over: got %+v, want that its heir may continue the epochs", got)
	}
	lg.left.Store(nil)
	lg.memory.Doubt()
	if got := n.takeover(lg, mine); got != (home.Takeover{Foreign: true, Alone: true}) {
		t.Errorf("a log with a later term elsewhere: got %+v, want that its owner may continue the epochs", got)
	}
}

// The owner of a log was parted, and did not notice the next owner, which is dead. Each other node waits for it, until it hears of the later term.
func TestAnOwnerHearsOfALaterTermThatHasNoOwner(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	nodes := []*Node{startNode(t, fake, "a"), startNode(t, fake, "b")}
	var owns *Node
	term := uint64(0)
	testkit.Eventually(t, "an owner", func() bool {
		for _, n := range nodes {
			if l := n.Status().Logs[0]; l.Owned {
				owns, term = n, l.Term
			}
		}
		return owns != nil
	})
	other := nodes[0]
	if other == owns {
		other = nodes[1]
	}
	owns.hear(member.Heartbeat{Name: other.cfg.Name, ID: string(other.cfg.Engine.Self()), Ready: true, Terms: map[int]uint64{0: term + 1}})
	testkit.Eventually(t, "an owner with the next term", func() bool {
		return slices.ContainsFunc(nodes, func(n *Node) bool { l := n.Status().Logs[0]; return l.Owned && l.Term > term })
	})
}

// Heartbeats say the terms of the durable logs.
func TestAHeartbeatHasTheTermsOfTheLogs(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	a, b := startNode(t, fake, "a"), startNode(t, fake, "b")
	testkit.Eventually(t, "the term of the durable log in a heartbeat of node b", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		members := a.table.Members()
		i := slices.IndexFunc(members, func(m *member.Member) bool { return m.ID == string(b.cfg.Engine.Self()) })
		return i >= 0 && members[i].Terms[0] > 0
	})
}
