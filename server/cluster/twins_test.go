package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/testkit"
)

// neighbourEngine is an engine that sees other nodes.
type neighbourEngine struct {
	broker.Engine
	taken  error
	faults []string
}

func (ne *neighbourEngine) Taken() error     { return ne.taken }
func (ne *neighbourEngine) Faults() []string { return ne.faults }

// twinNode returns a node that sends nothing, and its engine.
func twinNode(l *lines) (*Node, *neighbourEngine) {
	n := newNode("a")
	e := &neighbourEngine{Engine: n.cfg.Engine}
	n.cfg.Engine, n.cfg.Log = e, l.logger()
	return n, e
}

// A node does not start if another process has its name: as its engine sees it, by heartbeats of that process, or as a third node tells.
func TestANodeDoesNotStartBesideAnotherProcessWithItsName(t *testing.T) {
	t.Parallel()
	claimed := errors.New("in use by process 7")
	for name, c := range map[string]struct {
		sign func(*Node, *neighbourEngine)
		want string
	}{
		"the engine":     {func(_ *Node, e *neighbourEngine) { e.taken = claimed }, "in use by process 7"},
		"its heartbeats": {func(n *Node, _ *neighbourEngine) { n.hear(member.Heartbeat{Name: "a", ID: "a-other"}) }, `the node name "a" is in use`},
		"a third node": {func(n *Node, _ *neighbourEngine) {
			n.hear(member.Heartbeat{Name: "b", ID: "b-1", Twins: []string{"a-other", string(n.cfg.Engine.Self())}})
		}, `the node name "a" is in use`},
	} {
		var l lines
		n, e := twinNode(&l)
		now := time.Duration(member.TwinAfter)
		n.now = func() time.Duration { return now }
		started := make(chan error, 1)
		go func() { started <- n.Start(context.Background()) }()
		c.sign(n, e)
		end := time.Now().Add(testkit.Timeout)
		for err := error(nil); err == nil; {
			if time.Now().After(end) {
				t.Fatalf("%s: the node still starts, want %q", name, c.want)
			}
			n.watchTwins(now)
			select {
			case err = <-started:
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%s: got %v, want %q", name, err, c.want)
				}
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// A node that has just started may get a heartbeat of its run before, which was killed. Others may name that run as its twin.
func TestTheRunBeforeIsNoTwin(t *testing.T) {
	t.Parallel()
	var l lines
	n, _ := twinNode(&l)
	now := time.Duration(member.TwinAfter - 1)
	n.now = func() time.Duration { return now }
	n.hear(member.Heartbeat{Name: "a", ID: "a-before"})
	n.hear(member.Heartbeat{Name: "b", ID: "b-1", Twins: []string{"a-before", "a-between"}})
	n.watchTwins(now)
	if err := n.refusal(); err != nil {
		t.Errorf("got %v, want a start", err)
	}
}

// A node that is ready goes on beside another process with its name, and logs it once. The status has it while it lasts.
func TestANodeThatIsReadyLogsAnotherProcessWithItsNameOnce(t *testing.T) {
	t.Parallel()
	var l lines
	n, e := twinNode(&l)
	n.ready = true
	e.faults = []string{"peer 10.0.0.2:3100: its cluster secret differs"}
	now := time.Duration(time.Minute)
	n.now = func() time.Duration { return now }
	count := 0
	for range 100 {
		now += member.Interval
		n.hear(member.Heartbeat{Name: "a", ID: "a-other"})
		n.hear(member.Heartbeat{Name: "b", ID: "b-1"})
		n.hear(member.Heartbeat{Name: "b", ID: "b-2"})
		n.watchTwins(now)
		count += strings.Count(l.took(), "level=ERROR")
	}
	if count != 2 {
		t.Errorf("got %d lines in 30 s, want one about this node and one about b", count)
	}
	if got := strings.Join(n.Status().Faults, "\n"); !strings.Contains(got, `the node name "a" is in use by another process`) ||
		!strings.Contains(got, `two processes have the node name "b"`) || !strings.Contains(got, "10.0.0.2:3100") {
		t.Errorf("got the faults %s, want both and that of the engine", got)
	}
	now += member.SuspectAfter
	if got := n.Status().Faults; len(got) != 1 {
		t.Errorf("after the end of the others: got the faults %q, want that of the engine", got)
	}
	if n.refusal() != nil {
		t.Error("a node that is ready must not end")
	}
}

// Peers that differ have one line for each run of the other node, and are in the status.
func TestOtherPeersAreLogged(t *testing.T) {
	t.Parallel()
	var l lines
	pl := peersLog{log: l.logger(), peers: []string{"a:1", "b:1", "c:1"}, seen: map[string]string{}}
	for _, c := range []struct {
		id    string
		peers []string
		want  string
	}{
		{"b-1", nil, ""}, // of a version before
		{"b-2", []string{"c:1", "b:1", "a:1"}, ""},
		{"b-3", []string{"b:1", "c:1", "d:1"}, `level=WARN msg="a node has other peers: set the same peers on all nodes" node=b error="node b has also d:1, and lacks a:1 in its peers"`},
		{"b-3", []string{"b:1", "c:1", "d:1"}, ""},
		{"b-4", []string{"a:1", "b:1"}, `level=WARN msg="a node has other peers: set the same peers on all nodes" node=b error="node b lacks c:1 in its peers"`},
	} {
		pl.look([]*member.Member{{Heartbeat: member.Heartbeat{Name: "b", ID: c.id, Peers: c.peers}}})
		if got := l.took(); got != c.want {
			t.Errorf("%s with %v: got\n%s\nwant\n%s", c.id, c.peers, got, c.want)
		}
	}
}
