package tlshandshake

import (
	"net/netip"
	"testing"
	"time"
)

func TestAddressesTakeTurns(t *testing.T) {
	t.Parallel()
	crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	tu := newTurns(2)
	tu.patience = time.Hour
	for range 2 {
		if tu.wait(crowd, false) != nil {
			t.Fatal("a free slot is not given")
		}
	}
	var queue []*turn
	for range 100 {
		queue = append(queue, tu.wait(crowd, false))
	}
	honest := []*turn{tu.wait(other, false), tu.wait(other, false)}
	for i, want := range []struct{ crowd, honest int }{{1, 0}, {1, 1}, {2, 1}, {2, 2}, {3, 2}, {4, 2}} {
		tu.release()
		got := want
		got.crowd, got.honest = 0, 0
		for at, turn := range queue {
			if turn.has() {
				if got.crowd++; got.crowd != at+1 {
					t.Fatalf("release %d: number %d has its turn before those ahead of it", i, at)
				}
			}
		}
		for _, turn := range honest {
			if turn.has() {
				got.honest++
			}
		}
		if got != want {
			t.Errorf("release %d: got %+v, want %+v", i, got, want)
		}
	}
	for range 98 {
		tu.release()
	}
	tu.expectFree(t, 2)
}

// has reports whether t has a slot.
func (t *turn) has() bool {
	select {
	case <-t.ready:
		return true
	default:
		return false
	}
}

// expectFree expects that nothing waits and n slots are free.
func (tu *turns) expectFree(t *testing.T, n int) {
	t.Helper()
	if tu.free != n || len(tu.queues) != 0 || tu.order.Len() != 0 || tu.fresh.Len() != 0 || tu.begun.Len() != 0 {
		t.Errorf("%d slots free, %d addresses, %d in order, %d fresh, %d begun; want %d, 0, 0, 0, 0",
			tu.free, len(tu.queues), tu.order.Len(), tu.fresh.Len(), tu.begun.Len(), n)
	}
}

// address is one of many.
func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// A flood from many addresses delays a new one by few steps.
func TestInAnOverloadTheNewestAddressIsNext(t *testing.T) {
	t.Parallel()
	tu := newTurns(1)
	tu.patience = -1
	tu.wait(address(0), false)
	var flood []*turn
	for i := range 1000 {
		flood = append(flood, tu.wait(address(i), false))
	}
	for range 10 { // a client after another
		honest := tu.wait(netip.MustParseAddr("192.0.2.2"), false)
		for range 2 {
			tu.release()
		}
		if !honest.has() {
			t.Fatal("a new address has no turn after two steps")
		}
	}
	for i := range 10 {
		if !flood[i].has() {
			t.Errorf("number %d of the flood has no turn after 20 steps, of which the oldest have half", i)
		}
	}
	for range 990 + 1 {
		tu.release()
	}
	tu.expectFree(t, 1)
}

// A flood from some addresses does not pass for new clients, also if all of it comes later than an honest one.
func TestInAnOverloadAddressesWithSeveralHandshakesAreNotNew(t *testing.T) {
	t.Parallel()
	const addresses = 200
	tu := newTurns(1)
	tu.patience = -1
	tu.wait(address(0), false)
	honest := tu.wait(netip.MustParseAddr("192.0.2.2"), false)
	for i := range 5 * addresses {
		tu.wait(address(i%addresses), false)
	}
	tu.order.MoveToBack(honest.queue.at) // its turn in the order is far
	for range 2 {
		tu.release()
	}
	if !honest.has() {
		t.Error("the honest client has no turn after two steps")
	}
	for range 5*addresses - 1 {
		tu.release()
	}
	tu.release()
	tu.expectFree(t, 1)
}

// Steps that follow each other without a pause let other goroutines run after computeTime, and then again.
func TestALongSequenceOfStepsIsNoticed(t *testing.T) {
	t.Parallel()
	tu := newTurns(1)
	tu.wait(address(0), false)
	if tu.since = tu.since.Add(time.Hour); tu.isLong() {
		t.Error("a sequence that began now is long")
	}
	for i, want := range []bool{true, false} {
		if i == 0 {
			tu.since = time.Now().Add(-computeTime)
		} else {
			tu.since = tu.since.Add(time.Hour)
		}
		if got := tu.isLong(); got != want {
			t.Errorf("call %d: got %t, want %t", i, got, want)
		}
	}
}

func TestAHandshakeThatHasBegunIsNext(t *testing.T) {
	t.Parallel()
	tu := newTurns(1)
	tu.wait(address(0), false)
	first := tu.wait(address(1), false)
	begun := []*turn{tu.wait(address(2), true), tu.wait(address(3), true)}
	for i, want := range begun {
		if tu.release(); !want.has() || first.has() {
			t.Fatalf("release %d: begun has a turn %v, a first step %v", i, want.has(), first.has())
		}
	}
	if tu.release(); !first.has() {
		t.Error("the first step has no turn")
	}
	tu.release()
	tu.expectFree(t, 1)
}

// A connection that was closed takes no turn.
func TestAClosedConnectionLeavesTheQueue(t *testing.T) {
	t.Parallel()
	tu := newTurns(1)
	tu.wait(address(0), false)
	gone := make(chan struct{})
	close(gone)
	for i, from := range []netip.Addr{address(1), address(1), address(2)} {
		if tu.acquire(from, i == 1, gone) {
			t.Fatal("a slot that is not free was given")
		}
	}
	next := tu.wait(address(1), false)
	if tu.release(); !next.has() {
		t.Error("those that left are ahead")
	}
	if !tu.leave(next) {
		t.Error("a slot that was given is lost")
	}
	tu.release()
	tu.expectFree(t, 1)
}
