package agent

import (
	"cmp"
	"slices"
	"testing"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

const (
	testRun  = 0x7E57
	testSize = 130
)

// hall is a room without a network: the test passes frames of a server to the members.
type hall struct {
	t          *testing.T
	check      *deliveryCheck
	room       *room
	poller     *poller
	conns      []*conn
	publishers int
}

// planOf returns p with defaults: one agent, one room, and the run and the size of the tests.
func planOf(p Plan) *Plan {
	p.Run, p.Size, p.Agents = testRun, cmp.Or(p.Size, testSize), cmp.Or(p.Agents, 1)
	if p.Rooms == nil {
		p.Rooms = make([]string, 1)
	}
	if p.RoomOf == nil {
		p.RoomOf = make([]int32, p.Publishers)
	}
	return &p
}

func newHall(t *testing.T, members, publishers int) *hall {
	h := &hall{t: t, check: newDeliveryCheck(planOf(Plan{Publishers: publishers})), publishers: publishers}
	h.room = h.check.rooms[0]
	h.poller = newPoller(h.check, &Protocols[0], 100)
	for i := range members {
		c := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: int32(i), publisher: -1}}
		if i < publishers {
			c.member.publisher = int32(i)
		}
		h.room.join(&c.member, -grace)
		h.conns = append(h.conns, c)
	}
	return h
}

// message returns the payload of message n of the room. The publishers take turns.
func (h *hall) message(n int) []byte {
	b := make([]byte, testSize)
	s := stamp{run: testRun, publisher: uint32(n % h.publishers), seq: uint32(n / h.publishers), intended: int64(1000 + n)}
	s.put(b)
	copy(b[StampSize:], h.check.filler.of(0, 0))
	return b
}

// sent counts n messages as sent.
func (h *hall) sent(n int) {
	for i := range n {
		h.check.sent[i%h.publishers].Add(1)
	}
}

// receives passes bytes from the server to a member.
func (h *hall) receives(member int, wire []byte) bool {
	c := h.conns[member]
	return h.poller.onBytes(c, append(slices.Clone(c.tail), wire...), 1_000_000)
}

func (h *hall) wire(messages ...int) (b []byte) {
	for _, n := range messages {
		b = ws.AppendFrame(b, ws.OpText, h.message(n))
	}
	return b
}

func (h *hall) finish() (result.Faults, uint64) {
	var members []*member
	for _, c := range h.conns {
		if c.state == open {
			members = append(members, &c.member)
		}
	}
	f := h.check.finish(members)
	return f.Faults, f.Expected
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func without(list []int, n int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(v int) bool { return v == n })
}
