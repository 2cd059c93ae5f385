package chat

import (
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

// A message of a plain client that has left meanwhile creates a room without members. The room is released at once.
func TestARoomOfALatePublicationIsReleased(t *testing.T) {
	h := newTestHub(t)
	h.PublishPlain(NewRoom(h.Rooms.StripeOf("x"), "x", h.OptionsOf("x"), 1), ws.OpText, []byte("late"))
	if got := h.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms, want none", got)
	}
}
