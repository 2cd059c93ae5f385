package agent

import (
	"slices"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// The last messages of a publisher that is gone count as died if no member received them. Its own agent counts them, and they are not lost.
func TestMessagesThatDiedWithTheirPublisherCountOnce(t *testing.T) {
	for agent, died := range []uint64{2, 0} { // publisher 0 belongs to the first agent
		p := newDeliveryCheck(planOf(Plan{Publishers: 2, Agent: agent, Agents: 2}))
		h := &hall{t: t, check: p, room: p.rooms[0], poller: newPoller(p, &Protocols[0], 100), publishers: 2}
		c := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
		h.room.join(&c.member, -grace)
		h.conns = append(h.conns, c)
		p.sent[agent].Store(5)
		h.receives(0, h.wire(upTo(6)...)) // three of each publisher
		p.expect([]uint32{5, 3}, []int{0})
		f := p.finish([]*member{&c.member})
		if f.Died != died || f.Any() || f.Expected != 6 {
			t.Errorf("agent %d: got %d died, %+v of %d, want %d died and no fault of 6", agent, f.Died, f.Faults, f.Expected, died)
		}
	}
}

// The last message of an open publisher is waited for and counted as lost, also if no member received it.
func TestALastMessageWithoutAReceiverIsWaitedFor(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(6)
	for i := range h.conns {
		h.receives(i, h.wire(upTo(5)...))
	}
	h.check.expect([]uint32{3, 3}, nil)
	if h.room.complete(&h.conns[0].member) {
		t.Error("complete without the last message")
	}
	h.receives(0, h.wire(5))
	if !h.room.complete(&h.conns[0].member) || h.room.complete(&h.conns[1].member) {
		t.Error("want only the first member complete after the last message")
	}
	if f, expected := h.finish(); f != (result.Faults{Lost: 1}) || expected != 12 {
		t.Errorf("got %+v of %d, want 1 lost of 12", f, expected)
	}
}

// An order is compared only if it is certain: not after a lost, an altered or a duplicated message.
func TestAnUncertainOrderIsNotCompared(t *testing.T) {
	for _, tt := range []struct {
		name     string
		receives [2][]int
		alter    bool
		want     uint64 // length of the reported order
	}{
		{name: "no fault", receives: [2][]int{upTo(6), upTo(6)}, want: 6},
		{name: "the first member missed one", receives: [2][]int{without(upTo(6), 2), upTo(6)}},
		{name: "a member received an altered message", receives: [2][]int{upTo(6), upTo(6)}, alter: true},
		{name: "a member received a duplicate", receives: [2][]int{upTo(6), slices.Concat(upTo(6), []int{3})}},
	} {
		p := newDeliveryCheck(planOf(Plan{Publishers: 1, Agents: 2}))
		h := &hall{t: t, check: p, room: p.rooms[0], poller: newPoller(p, &Protocols[0], 100), publishers: 1}
		h.sent(6)
		for i, receives := range tt.receives {
			c := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: int32(i), publisher: -1}}
			h.room.join(&c.member, -grace)
			h.conns = append(h.conns, c)
			wire := h.wire(receives...)
			if tt.alter && i == 1 {
				wire[len(wire)-1] ^= 1
			}
			h.receives(i, wire)
		}
		var members []*member
		for _, c := range h.conns {
			members = append(members, &c.member)
		}
		if orders := p.finish(members).Orders; len(orders) != 1 || orders[0].Length != tt.want || (orders[0].Digest != 0) != (tt.want != 0) {
			t.Errorf("%s: got %+v, want a length of %d", tt.name, orders, tt.want)
		}
	}
}
