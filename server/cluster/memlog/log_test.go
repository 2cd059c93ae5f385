package memlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// copies are the nodes of a cluster. Messages arrive at once, or are lost.
type copies struct {
	t      *testing.T
	nodes  []*copyNode
	lose   func() bool
	parted func(a, b int) bool
	giveUp func() // ends the Sync that runs
}

type copyNode struct {
	*Log
	of      *copies
	number  int
	handle  broker.Log
	owns    uint64   // its term; 0 for none
	applied []string // by the rooms: the records, in order
}

func newCopies(t *testing.T, n int) *copies {
	co := &copies{t: t, lose: func() bool { return false }, parted: func(int, int) bool { return false }}
	for i := range n {
		node := &copyNode{of: co, number: i}
		node.Log = New("a log for a test of memlog", func(to broker.NodeID, read bool, b []byte) {
			if peer := co.node(to); co.lose() || co.parted(i, peer.number) {
				co.giveUp() // instead of the timeout
			} else if read {
				peer.ReceiveRead(node.id(), b)
			} else {
				peer.ReceivePart(b)
			}
		})
		node.handle = node.Open()
		t.Cleanup(node.Log.Close)
		co.nodes = append(co.nodes, node)
	}
	return co
}

func (n *copyNode) id() broker.NodeID { return broker.NodeID(fmt.Sprint("n", n.number)) }

func (co *copies) node(id broker.NodeID) *copyNode {
	return co.nodes[slices.IndexFunc(co.nodes, func(n *copyNode) bool { return n.id() == id })]
}

// append appends a record as the owner, and sends it to the others. fence is the term before, of a fence.
func (n *copyNode) append(e record.Entry) error {
	var w record.Writer
	if err := w.Add(&e); err != nil {
		n.of.t.Fatal(err)
	}
	_, last, _ := n.Position()
	b := slices.Clone(w.Seal(record.Header{Term: n.owns, Expected: last}))
	result := make(chan error, 1)
	n.handle.Append(last, b, func(err error) { result <- err })
	if err := <-result; err != nil {
		n.owns, n.handle = 0, n.Open()
		return err
	}
	n.catchUp()
	for _, peer := range n.of.nodes {
		if peer == n || n.of.parted(n.number, peer.number) || n.of.lose() {
			continue
		}
		if apply, _ := peer.Receive(n.id(), last+1, b); apply {
			peer.catchUp()
		}
	}
	return nil
}

func (n *copyNode) publish(text string) error {
	return n.append(record.Entry{Kind: record.Publish, Room: "r", Data: []byte(text)})
}

// lead makes the node the owner.
func (n *copyNode) lead(random uint64) {
	_, _, before := n.Position()
	n.owns = (n.Heard()>>8+1)<<8 | random
	if err := n.append(record.Entry{Kind: record.Fence, Offset: before, Data: []byte(n.id())}); err != nil {
		n.of.t.Fatalf("node %d leads: %v", n.number, err)
	}
}

// claim sends a heartbeat of an owner. Those that are behind read what is missing.
func (n *copyNode) claim() {
	first, last, _ := n.Position()
	for _, peer := range n.of.nodes {
		if peer == n || n.of.parted(n.number, peer.number) || n.of.lose() {
			continue
		}
		if peer.owns > 0 && peer.owns < n.owns {
			peer.owns = 0
		}
		if peer.Claimed(Claim{Node: n.id(), Term: n.owns, First: first, Last: last}) {
			ctx, cancel := context.WithCancel(context.Background())
			n.of.giveUp = cancel
			peer.Sync(ctx)
			cancel()
			peer.catchUp()
		}
	}
}

// catchUp applies what the copy has.
func (n *copyNode) catchUp() {
	n.of.t.Helper()
	read := func(seq uint64, b []byte) error {
		_, entries, err := record.Open(b)
		if err != nil {
			return err
		}
		if uint64(len(n.applied)) < seq-1 {
			n.applied = append(n.applied, make([]string, seq-1-uint64(len(n.applied)))...) // removed by the owner
		}
		var e record.Entry
		if _, err := entries.Next(&e); err != nil {
			return err
		}
		n.applied = append(n.applied, string(e.Data))
		return nil
	}
	_, err := n.handle.Replay(context.Background(), uint64(len(n.applied)), read)
	if errors.Is(err, broker.ErrReplaced) {
		n.applied = nil
		_, err = n.handle.Replay(context.Background(), 0, read)
	}
	if err != nil {
		n.of.t.Fatalf("node %d: replay: %v", n.number, err)
	}
}

// same checks that all nodes have applied the same records from a number on.
func (co *copies) same(from int) {
	co.t.Helper()
	for _, n := range co.nodes[1:] {
		if got, want := n.applied[min(from, len(n.applied)):], co.nodes[0].applied[min(from, len(co.nodes[0].applied)):]; !slices.Equal(got, want) {
			co.t.Errorf("node %d has %d records, node 0 has %d: they differ from number %d on", n.number, len(got), len(want), from)
		}
	}
}

func TestAMissedRecordIsReadFromTheOwner(t *testing.T) {
	t.Parallel()
	co := newCopies(t, 3)
	co.nodes[0].lead(1)
	for n := range 100 {
		co.lose = func() bool { return n%3 == 1 }
		if err := co.nodes[0].publish(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	co.lose = func() bool { return false }
	co.nodes[0].claim()
	co.same(0)
	if got := len(co.nodes[2].applied); got != 101 {
		t.Errorf("node 2 has %d records, want 101", got)
	}
}

// A node reads a copy that is larger than a message, and one whose first records were removed.
func TestANodeThatStartsReadsTheWholeCopy(t *testing.T) {
	t.Parallel()
	co := newCopies(t, 3)
	co.parted = func(a, b int) bool { return a == 2 || b == 2 }
	co.nodes[0].lead(1)
	large := string(make([]byte, 100<<10))
	for range 40 {
		if err := co.nodes[0].publish(large); err != nil {
			t.Fatal(err)
		}
	}
	if err := co.nodes[0].handle.Trim(context.Background(), 7); err != nil {
		t.Fatal(err)
	}
	co.parted = func(int, int) bool { return false }
	co.nodes[0].claim()
	co.same(7)
	for _, n := range co.nodes {
		if first, last, _ := n.Position(); first != 8 || last != 41 {
			t.Errorf("node %d has records %d to %d, want 8 to 41", n.number, first, last)
		}
	}
	co.nodes[2].lead(1)
	if err := co.nodes[0].publish("x"); !errors.Is(err, broker.ErrFenced) {
		t.Errorf("the owner before appends: got %v, want ErrFenced", err)
	}
}

// A copy whose next record was removed by its owner is replaced.
func TestACopyThatIsTooFarBehindIsReplaced(t *testing.T) {
	t.Parallel()
	co := newCopies(t, 3)
	co.nodes[0].lead(1)
	for n := range 10 {
		if n == 2 {
			co.parted = func(a, b int) bool { return a == 2 || b == 2 }
		}
		if err := co.nodes[0].publish(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := co.nodes[0].handle.Trim(context.Background(), 7); err != nil {
		t.Fatal(err)
	}
	co.parted = func(int, int) bool { return false }
	co.nodes[0].claim()
	co.same(7)
	if first, last, _ := co.nodes[2].Position(); first != 8 || last != 11 {
		t.Errorf("the copy has records %d to %d, want 8 to 11", first, last)
	}
}

// Of two owners, the later one wins: the nodes of the other one replace their copies.
func TestTheLaterOwnerWins(t *testing.T) {
	t.Parallel()
	co := newCopies(t, 3)
	owner, other := co.nodes[0], co.nodes[1]
	owner.lead(1)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(owner.publish("both"))
	co.parted = func(a, b int) bool { return (a == 0) != (b == 0) }
	other.lead(2)
	must(owner.publish("lost"))
	for range 3 {
		must(other.publish("kept"))
	}
	co.parted = func(int, int) bool { return false }
	must(owner.publish("lost as well"))
	other.claim()
	co.same(0)
	if want := []string{"n0", "both", "n1", "kept", "kept", "kept"}; !slices.Equal(owner.applied, want) {
		t.Errorf("the owner before has %q, want %q", owner.applied, want)
	}
}

// Whatever is lost, parted or appended on several sides: when all nodes reach each other, they have the records of the last owner. What an owner has
// appended stays in all copies that follow it, in its order.
func TestCopiesBecomeEqual(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		co := newCopies(t, 3)
		alone := -1
		co.lose = func() bool { return random.IntN(8) == 0 }
		co.parted = func(a, b int) bool { return a != b && (a == alone || b == alone) }
		for step := range 120 {
			n := co.nodes[random.IntN(3)]
			switch k := random.IntN(20); {
			case k == 0:
				alone = random.IntN(4) - 1
			case k == 1:
				n.lead(uint64(1 + n.number))
			case k < 8 && n.owns > 0:
				n.claim()
			case k == 8 && n.owns > 0:
				_, last, _ := n.Position()
				_ = n.handle.Trim(context.Background(), last-min(last, 1+uint64(random.IntN(20))))
			case n.owns > 0:
				_ = n.publish(fmt.Sprint(n.number, " ", step)) // a later owner may fence it
			}
		}
		alone = -1
		co.lose = func() bool { return false }
		for range 3 {
			for _, n := range co.nodes {
				if n.owns > 0 {
					n.claim()
				}
			}
		}
		last := co.nodes[random.IntN(3)]
		last.lead(9)
		if err := last.publish("end"); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		last.claim()
		first, _, _ := last.Position()
		co.same(int(first - 1))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzParsePart(f *testing.F) {
	f.Add([]byte{1, 0, 2, 3, 4, 1, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parsePart(b)
		size := 0
		for _, r := range p.records {
			size += len(r)
		}
		if ok && size > len(b) {
			t.Errorf("%d bytes of records in %d bytes", size, len(b))
		}
	})
}
