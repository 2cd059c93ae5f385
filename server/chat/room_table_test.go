package chat

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// The name in a request may be a part of 8 KiB of memory.
func TestARoomStoresOnlyItsName(t *testing.T) {
	t.Parallel()
	h := newTestHub(t)
	text := strings.Repeat("x", 8<<10) + "lobby"
	name := text[8<<10:]
	in := h.Rooms.StripeOf(name)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r := h.RoomLocked(in, name)
	if unsafe.StringData(r.Name) == unsafe.StringData(name) {
		t.Error("the name of the room shares memory with a request")
	}
	for key := range in.rooms {
		if unsafe.StringData(key) == unsafe.StringData(name) {
			t.Error("the key of the room shares memory with a request")
		}
	}
	h.deleteLocked(r)
}

// A room with history uses memory beyond its publications. The number of such rooms is bounded.
func TestRoomsWithHistoryAreBounded(t *testing.T) {
	t.Parallel()
	const bytes, most = 64 << 10, 100
	h := newTestHub(t, roomWithHistory("*"))
	h.HistoryBudget.maxBytes = bytes
	h.Positions.Stored.Max = most
	for n := range 1000 {
		h.Publish(h.RoomRef(fmt.Sprint(n)), Publication{Data: []byte("1"), Form: FormJSON}, PublishOptions{})
	}
	remembering := 0
	h.Rooms.each(func(in *Stripe) {
		for _, r := range in.rooms {
			if r.History.Count > 0 {
				remembering++
			}
		}
	})
	if remembering == 0 || remembering*HistoryOverhead > bytes {
		t.Errorf("got %d rooms with history in %d bytes, want 1 to %d", remembering, bytes, bytes/HistoryOverhead)
	}
	if got := h.Rooms.Count(); got != remembering {
		t.Errorf("got %d rooms, want only the %d with history", got, remembering)
	}
	if got, _ := h.Positions.Counts(); got != most {
		t.Errorf("got %d stored positions, want %d", got, most)
	}
	r, unlock := h.Rooms.Find("999")
	defer unlock()
	if r == nil || r.History.Count != 1 {
		t.Error("the newest publication is not in the history")
	}
}
