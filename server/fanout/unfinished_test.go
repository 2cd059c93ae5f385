package fanout

import (
	"testing"

	"github.com/throng-chat/throng/server/wheel"
)

// A client that always has an unfinished message, but never the same one, stays.
func TestEachMessageHasItsOwnTimeout(t *testing.T) {
	u := newUnfinished[*Conn](64 << 10)
	c := &Conn{}
	const began = wheel.Tick(100)
	u.note(c, 500, began)
	u.note(c, 700, began+50) // more of the same message
	if late := u.expire(began + InTicks(MessageTimeout) - 1); len(late) != 0 {
		t.Error("ended before its time")
	}
	u.note(c, 0, began+55)
	u.note(c, 500, began+55)
	if late := u.expire(began + InTicks(MessageTimeout)); len(late) != 0 {
		t.Error("ended for a message that is finished")
	}
	if late := u.expire(began + 55 + InTicks(MessageTimeout)); len(late) != 1 || late[0] != c {
		t.Errorf("got %v, want the connection", late)
	}
	if messages, bytes := u.Size(); messages != 0 || bytes != 0 {
		t.Errorf("got %d messages of %d bytes, want none", messages, bytes)
	}
	// A connection that has left is not tracked again.
	c.Set(Left)
	u.note(c, 500, began)
	if messages, _ := u.Size(); messages != 0 {
		t.Errorf("got %d messages of a connection that has left, want none", messages)
	}
}

// A message that comes byte by byte has no more time than others.
func TestASlowMessageHasTheSameTimeout(t *testing.T) {
	u := newUnfinished[*Conn](64 << 10)
	c := &Conn{}
	timeout := InTicks(MessageTimeout)
	for at := wheel.Tick(0); at < timeout; at += timeout / 4 {
		u.note(c, 10+int(at), FirstTick+at)
		if late := u.expire(FirstTick + at); len(late) != 0 {
			t.Fatalf("late after %d of %d ticks", at, timeout)
		}
	}
	if late := u.expire(FirstTick + timeout); len(late) != 1 || late[0] != c {
		t.Errorf("got %d late when its time is over, want 1", len(late))
	}
	if messages, bytes := u.Size(); messages != 0 || bytes != 0 {
		t.Errorf("got %d messages of %d bytes left", messages, bytes)
	}
}
