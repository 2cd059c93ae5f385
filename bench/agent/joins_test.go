package agent

import (
	"math/rand/v2"
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

// honestRun passes the messages of a server without faults to members, some of which join in the middle. The client reads its connections in any
// order, so a new member may be the first receiver of a message, and others may have received messages before it.
func honestRun(t *testing.T, seed uint64) (got result.Faults, expected, delivered uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	const messages = 60
	h := newHall(t, 1+r.IntN(3), 1+r.IntN(3))
	h.sent(messages)
	next := make([]int, len(h.conns)) // message of each member
	receive := func(i, most, published int) {
		c := h.conns[i]
		if c.state != open {
			c.state = open
			h.room.join(&c.member, 0)
		}
		n := min(most, published-next[i])
		h.receives(i, h.wire(upTo(messages)[next[i]:next[i]+n]...))
		next[i] += n
		delivered += uint64(n)
	}
	for published := 0; published < messages; {
		switch {
		case r.IntN(3) == 0:
			published = min(published+1+r.IntN(3), messages)
		case next[0] > 0 && r.IntN(8) == 0: // a new member, whose 101 the client may read much later
			h.conns = append(h.conns, &conn{poller: h.poller, room: h.room, member: member{connection: int32(len(next)), publisher: -1}})
			next = append(next, published)
		default:
			receive(r.IntN(len(next)), r.IntN(6), published)
		}
	}
	for i := range next {
		receive(i, messages, messages)
	}
	got, expected = h.finish()
	return got, expected, delivered
}

func TestAnHonestServerHasNoFaultsWhenMembersJoin(t *testing.T) {
	for seed := range uint64(500) {
		if got, expected, delivered := honestRun(t, seed); got.Any() || expected != delivered {
			t.Fatalf("seed %d: got %+v of %d, want none of %d", seed, got, expected, delivered)
		}
	}
}

// What a new member received counts, also if no other member receives it.
func TestANewMemberMayBeTheOnlyReceiver(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		h := newHall(t, 1, 1)
		h.sent(10)
		h.receives(0, h.wire(upTo(5)...))
		late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
		h.room.join(&late.member, 0)
		h.conns = append(h.conns, late)
		h.receives(1, h.wire(5, 6, 7, 8, 9))
		if !h.conns[0].part() || leaves && !late.part() {
			t.Fatal("it was not a member")
		}
		if got, expected := h.finish(); got.Any() || expected != 10 {
			t.Errorf("leaves: %v: got %+v of %d, want no faults of 10", leaves, got, expected)
		}
	}
}
