package limiter

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestTheHeaviestAddressIsEvicted(t *testing.T) {
	t.Parallel()
	one, two, three := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	b := NewSlots(5, false)
	var ended []string
	enter := func(from netip.Addr, name string) *Slot {
		return b.Acquire(from, func() { ended = append(ended, name) })
	}
	want := func(what string, names ...string) {
		t.Helper()
		if fmt.Sprint(ended) != fmt.Sprint(names) {
			t.Fatalf("%s: got %v ended, want %v", what, ended, names)
		}
	}
	light := enter(two, "light")
	first := enter(one, "first")
	read := enter(one, "read")
	enter(one, "third")
	last := enter(two, "last")
	want("while slots are free")
	if !b.StopWaiting(read) {
		t.Fatal("evicted, want in time")
	}
	// Two wait from each address now. One more makes that address the heaviest.
	b.Release(last)
	enter(one, "fourth")
	want("in a slot that was released")
	enter(three, "newcomer")
	want("by a newcomer", "first")
	if b.StopWaiting(first) {
		t.Error("got in time, want it evicted")
	}
	b.Release(first) // its slot belongs to the newcomer
	if got := b.Length(); got != 5 {
		t.Fatalf("got %d in progress, want 5", got)
	}
	enter(one, "again")
	want("by its own address", "first", "third")
	for _, of := range []*Slot{read, light} {
		b.StopWaiting(of)
	}
	if got := b.Length(); got != 5 {
		t.Errorf("with two that do not wait: got %d, want 5 in progress", got)
	}

	all := NewSlots(1, false)
	all.StopWaiting(all.Acquire(one, func() { t.Error("ended one whose body is there") }))
	if all.Acquire(two, func() {}) != nil {
		t.Error("got a slot, want none: no request waits for its body")
	}
}
