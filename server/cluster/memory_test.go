package cluster

import (
	"log/slog"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
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
	if got := n.takeover(lg, home.Owner{Node: self, Term: 7}); got.Uncertain {
		t.Errorf("the own records are uncertain: %+v", got)
	}
}
