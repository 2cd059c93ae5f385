package agent

import (
	"slices"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// What nobody received of a publisher that is gone has died with it: told by its own agent, and no loss.
func TestWhatDiedWithItsPublisherIsToldOnce(t *testing.T) {
	for agent, died := range []uint64{2, 0} { // publisher 0 is the first agent's
		p := newProof(planOf(Plan{Publishers: 2, Agent: agent, Agents: 2}))
		h := &hall{t: t, proof: p, room: p.rooms[0], poller: newPoller(p, &Protocols[0], 100), publishers: 2}
		c := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
		h.room.join(&c.member, -grace)
		h.conns = append(h.conns, c)
		p.sent[agent].Store(5)
		h.hears(0, h.wire(upTo(6)...)) // three of each
		p.expect([]uint32{5, 3}, []int{0})
		f := p.finish([]*member{&c.member})
		if f.Died != died || f.Any() || f.Expected != 6 {
			t.Errorf("agent %d: got %d died, %+v of %d, want %d died and no fault of 6", agent, f.Died, f.Faults, f.Expected, died)
		}
	}
}

// What the publisher of a whole connection sent last, and nobody received, is waited for, and lost.
func TestTheLastMessageIsWaitedForThoughNobodyHadIt(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(6)
	for i := range h.conns {
		h.hears(i, h.wire(upTo(5)...))
	}
	h.proof.expect([]uint32{3, 3}, nil)
	if h.room.complete(&h.conns[0].member) {
		t.Error("it is complete without the last message")
	}
	h.hears(0, h.wire(5))
	if !h.room.complete(&h.conns[0].member) || h.room.complete(&h.conns[1].member) {
		t.Error("with the last message the first is complete, and the second is not")
	}
	if f, expected := h.finish(); f != (result.Faults{Lost: 1}) || expected != 12 {
		t.Errorf("got %+v of %d, want 1 lost of 12", f, expected)
	}
}

// An order is compared only where everybody heard it: where one missed something, or got something altered, it is not certain.
func TestAnOrderThatIsNotCertainIsNotCompared(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hears [2][]int
		alter bool
		want  uint64 // the length of the order that is told
	}{
		{name: "all is well", hears: [2][]int{upTo(6), upTo(6)}, want: 6},
		{name: "the first missed one", hears: [2][]int{without(upTo(6), 2), upTo(6)}},
		{name: "one had one altered", hears: [2][]int{upTo(6), upTo(6)}, alter: true},
		{name: "one had one again", hears: [2][]int{upTo(6), slices.Concat(upTo(6), []int{3})}},
	} {
		p := newProof(planOf(Plan{Publishers: 1, Agents: 2}))
		h := &hall{t: t, proof: p, room: p.rooms[0], poller: newPoller(p, &Protocols[0], 100), publishers: 1}
		h.sent(6)
		for i, hears := range tt.hears {
			c := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: int32(i), publisher: -1}}
			h.room.join(&c.member, -grace)
			h.conns = append(h.conns, c)
			wire := h.wire(hears...)
			if tt.alter && i == 1 {
				wire[len(wire)-1] ^= 1
			}
			h.hears(i, wire)
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
