package cluster

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/testkit"
)

// The counts of a node go on with its next run, and end when it has left.
func TestALinkCountsOverTheRunsOfItsNode(t *testing.T) {
	n := newNode("a")
	var now time.Duration
	n.now = func() time.Duration { return now }
	hear := func(name, id string) { n.hear(member.Heartbeat{Name: name, ID: id}) }
	n.receive("b-1", make([]byte, 100)) // before its first heartbeat
	hear("b", "b-1")
	hear("c", "c-1")
	n.receive("b-1", make([]byte, 10))
	now = 2 * member.Interval // the run before is silent
	hear("b", "b-2")
	n.receive("b-2", make([]byte, 5))
	n.receive("c-1", make([]byte, 1))
	now += member.SuspectAfter
	hear("c", "c-1")
	got := n.links.status(n.table.Members(), now)
	want := []LinkStatus{
		{Peer: "b", Silent: member.SuspectAfter.Seconds(), Messages: 2, Bytes: 15},
		{Peer: "c", Up: true, Messages: 1, Bytes: 1},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	n.hear(member.Heartbeat{Name: "b", ID: "b-2", Leaving: true})
	n.forgetLinks()
	if got := n.links.status(n.table.Members(), now); len(got) != 1 || len(n.links.of) != 1 {
		t.Errorf("after node b has left: got %+v and %d counts, want those of c", got, len(n.links.of))
	}
}

// The status has the links that are down, and what a log has lost on the way.
func TestTheStatusHasFailedLinksAndGapsOfLogs(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	nodes := []*Node{startNode(t, fake, "a"), startNode(t, fake, "b"), startNode(t, fake, "c")}
	up := func(n *Node) (count int) {
		for _, l := range n.Status().Links {
			if l.Up && l.Silent < member.SuspectAfter.Seconds() && l.Bytes > 0 && l.Messages > 0 {
				count++
			}
		}
		return count
	}
	var owns, parted *Node
	testkit.Eventually(t, "links, and the best node to own the durable log", func() bool {
		owns, parted = nil, nil
		for _, n := range nodes {
			n.mu.Lock()
			best, _ := n.table.Best(0, n.now())
			n.mu.Unlock()
			switch {
			case up(n) < 2:
				return false
			case best == n.cfg.Name && n.logs.all()[0].log.Owns():
				owns = n
			default:
				parted = n
			}
		}
		return owns != nil
	})
	fake.Split(parted.cfg.Engine)
	if _, e := propose(t, owns, "d"); e != nil {
		t.Fatal(e)
	}
	testkit.Eventually(t, "both links down", func() bool { return up(parted) == 0 && len(parted.Status().Links) == 2 })
	if got := parted.Status().Logs[0]; got.Gaps != 0 {
		t.Errorf("a node that is parted: got %+v, want no gap before it is back", got)
	}
	fake.Split()
	testkit.Eventually(t, "the links, and the record that was missed", func() bool {
		l, of := parted.Status().Logs[0], owns.Status().Logs[0]
		return up(parted) == 2 && l.Gaps == 1 && l.Lag == 0 && l.Applied == of.Applied && of.Gaps == 0 && of.Bytes > l.Bytes && l.Bytes > 0
	})
}
