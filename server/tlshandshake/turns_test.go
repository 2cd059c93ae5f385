package tlshandshake

import (
	"net/netip"
	"testing"
)

func TestAddressesTakeTurns(t *testing.T) {
	t.Parallel()
	crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	tu := newTurns(2)
	for range 2 {
		if tu.wait(crowd) != nil {
			t.Fatal("a free slot is not given")
		}
	}
	var queue []chan struct{}
	for range 100 {
		queue = append(queue, tu.wait(crowd))
	}
	honest := []chan struct{}{tu.wait(other), tu.wait(other)}
	has := func(turn chan struct{}) bool {
		select {
		case <-turn:
			return true
		default:
			return false
		}
	}
	for i, want := range []struct{ crowd, honest int }{{1, 0}, {1, 1}, {2, 1}, {2, 2}, {3, 2}, {4, 2}} {
		tu.release()
		got := want
		got.crowd, got.honest = 0, 0
		for at, turn := range queue {
			if has(turn) {
				if got.crowd++; got.crowd != at+1 {
					t.Fatalf("release %d: number %d has its turn before those ahead of it", i, at)
				}
			}
		}
		for _, turn := range honest {
			if has(turn) {
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
	if tu.free != 2 || len(tu.waiting) != 0 || len(tu.order) != 0 {
		t.Errorf("at the end: %d slots free, %d addresses, %d in order; want 2, 0, 0", tu.free, len(tu.waiting), len(tu.order))
	}
}
