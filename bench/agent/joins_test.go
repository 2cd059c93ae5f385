package agent

import (
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

func TestGraceAllowsALateJoin(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(10)
	h.conns[1].member.since = 1005 // it opened so late that messages 0 to 4 are not due
	h.receives(0, h.wire(upTo(10)...))
	h.receives(1, h.wire(7, 8, 9))
	got, expected := h.finish()
	if got != (result.Faults{Lost: 2}) || expected != 15 {
		t.Errorf("got %+v of %d, want 2 lost of 15", got, expected)
	}
}

func TestANewMemberReceivesFromItsJoinOn(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(10)
	for i := range h.conns {
		h.receives(i, h.wire(upTo(5)...))
	}
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, -grace)
	h.conns = append(h.conns, late)
	h.receives(2, h.wire(5, 6, 8, 9))
	for i := range 2 {
		h.receives(i, h.wire(5, 6, 7, 8, 9))
	}
	if got, expected := h.finish(); got != (result.Faults{Lost: 1}) || expected != 25 {
		t.Errorf("got %+v of %d, want 1 lost of 25", got, expected)
	}
}

// A new member may receive a message that was sent before it joined, whether other members have received it or not.
func TestANewMemberMayReceiveMessagesInFlight(t *testing.T) {
	h := newHall(t, 1, 1)
	h.sent(10)
	h.receives(0, h.wire(upTo(8)...))
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, -grace)
	h.conns = append(h.conns, late)
	h.receives(1, h.wire(5, 6, 7, 8, 9))
	h.receives(0, h.wire(8, 9))
	if got, expected := h.finish(); got.Any() || expected != 15 {
		t.Errorf("got %+v of %d, want no faults of 15", got, expected)
	}
}

// A new member may be the first receiver of a message. The messages that others receive before that one were sent before it joined.
func TestANewMemberMayReceiveFirst(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(10)
	for i := range h.conns {
		h.receives(i, h.wire(upTo(6)...))
	}
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, 0)
	h.conns = append(h.conns, late)
	h.receives(2, h.wire(7)) // it joined between 6 and 7
	h.receives(0, h.wire(6))
	h.receives(2, h.wire(8))
	h.receives(0, h.wire(7, 8, 9))
	h.receives(1, h.wire(6, 7, 8, 9))
	h.receives(2, h.wire(9))
	if got, expected := h.finish(); got.Any() || expected != 10+10+3 {
		t.Errorf("got %+v of %d, want no faults of %d", got, expected, 10+10+3)
	}
}

func TestALeavingMemberLosesOnlyWhatItMissed(t *testing.T) {
	h := newHall(t, 3, 1)
	h.sent(10)
	h.receives(0, h.wire(upTo(10)...))
	h.receives(1, h.wire(upTo(10)...))
	h.receives(2, h.wire(0, 1, 3, 4)) // 2 is lost, 5 to 9 are in flight
	if !h.conns[2].part() {
		t.Fatal("it was not a member")
	}
	if got, expected := h.finish(); got != (result.Faults{Lost: 1}) || expected != 25 {
		t.Errorf("got %+v of %d, want 1 lost of 25", got, expected)
	}
	if h.poller.count.Left != 1 {
		t.Errorf("got %d left, want 1", h.poller.count.Left)
	}
}

// A message in flight to a member that leaves is not lost, also if a new member received it first, so that its place is not known.
func TestALeavingMemberDoesNotLoseAMessageThatANewMemberReceivedFirst(t *testing.T) {
	h := newHall(t, 3, 1)
	h.sent(10)
	for i := range h.conns {
		h.receives(i, h.wire(upTo(5)...))
	}
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, 0)
	h.conns = append(h.conns, late)
	h.receives(0, h.wire(5))
	h.receives(3, h.wire(6)) // it joined between 5 and 6, but the log has 6 after 7
	for i := range 2 {
		h.receives(i+1, h.wire(5)) // 6 is in flight
	}
	if !h.conns[1].part() {
		t.Fatal("it was not a member")
	}
	h.receives(2, h.wire(7))
	if !h.conns[2].part() { // 6 is lost, because 7 arrived
		t.Fatal("it was not a member")
	}
	h.receives(0, h.wire(6, 7, 8, 9))
	h.receives(3, h.wire(7, 8, 9))
	if got, expected := h.finish(); got != (result.Faults{Lost: 1}) || expected != 10+6+8+4 {
		t.Errorf("got %+v of %d, want 1 lost of %d", got, expected, 10+6+8+4)
	}
}
