package chat

import (
	"strings"
	"testing"
	"unsafe"
)

// A room's name may be a part of a head of 8 KiB.
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
		t.Error("the name of the room is a part of a larger text")
	}
	for key := range in.Rooms {
		if unsafe.StringData(key) == unsafe.StringData(name) {
			t.Error("the key of the room is a part of a larger text")
		}
	}
	h.deleteLocked(r)
}
