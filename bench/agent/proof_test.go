package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
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
	proof      *proof
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
	h := &hall{t: t, proof: newProof(planOf(Plan{Publishers: publishers})), publishers: publishers}
	h.room = h.proof.rooms[0]
	h.poller = newPoller(h.proof, &Protocols[0], 100)
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
	copy(b[StampSize:], h.proof.filler)
	return b
}

// sent counts n messages as sent.
func (h *hall) sent(n int) {
	for i := range n {
		h.proof.sent[i%h.publishers].Add(1)
	}
}

// hears passes bytes from the server to a member.
func (h *hall) hears(member int, wire []byte) bool {
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
	f := h.proof.finish(members)
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

func TestFaultsAreFoundAndNamed(t *testing.T) {
	const messages = 40
	all := upTo(messages)
	swapped := func(i, j int) []int {
		list := slices.Clone(all)
		list[i], list[j] = list[j], list[i]
		return list
	}
	for _, tt := range []struct {
		name    string
		streams map[int][]int // by member: the messages it receives; the other members receive all
		want    result.Faults
		least   int // smallest number of Reordered, which depends on the first receiver; 0: exactly want
	}{
		{
			name: "no fault",
		},
		{
			name:    "one message is lost on one connection",
			streams: map[int][]int{2: without(all, 17)},
			want:    result.Faults{Lost: 1},
		},
		{
			name:    "the first message is lost on one connection",
			streams: map[int][]int{2: without(all, 0)},
			want:    result.Faults{Lost: 1},
		},
		{
			name:    "the last message is lost on one connection",
			streams: map[int][]int{2: without(all, messages-1)},
			want:    result.Faults{Lost: 1},
		},
		{
			name:    "one message is lost on the connection that receives first",
			streams: map[int][]int{0: without(all, 17)},
			want:    result.Faults{Lost: 1},
		},
		{
			name:    "the last message is lost on the connection that receives first",
			streams: map[int][]int{0: without(all, messages-1)},
			want:    result.Faults{Lost: 1},
		},
		{
			name:    "a run of messages is lost on the connection that receives first",
			streams: map[int][]int{0: append(upTo(10), all[20:]...)},
			want:    result.Faults{Lost: 10},
		},
		{
			name:    "one connection receives nothing",
			streams: map[int][]int{3: {}},
			want:    result.Faults{Lost: messages},
		},
		{
			name:    "one message reaches no member",
			streams: map[int][]int{0: without(all, 17), 1: without(all, 17), 2: without(all, 17), 3: without(all, 17)},
			want:    result.Faults{Lost: 4},
		},
		{
			name:    "the last message reaches no member",
			streams: map[int][]int{0: upTo(messages - 1), 1: upTo(messages - 1), 2: upTo(messages - 1), 3: upTo(messages - 1)},
			want:    result.Faults{Lost: 4},
		},
		{
			name:    "one message comes twice in a row",
			streams: map[int][]int{1: slices.Insert(slices.Clone(all), 17, 17)},
			want:    result.Faults{Duplicated: 1},
		},
		{
			name:    "one message comes again much later",
			streams: map[int][]int{1: append(slices.Clone(all), 3)},
			want:    result.Faults{Duplicated: 1},
		},
		{
			name:    "one message comes twice to the connection that receives first",
			streams: map[int][]int{0: slices.Insert(slices.Clone(all), 17, 17)},
			want:    result.Faults{Duplicated: 1},
		},
		{
			name:    "everything comes twice",
			streams: map[int][]int{2: append(slices.Clone(all), all...)},
			want:    result.Faults{Duplicated: messages},
		},
		{
			name:    "two messages of two publishers are swapped",
			streams: map[int][]int{2: swapped(17, 18)},
			want:    result.Faults{Reordered: 1},
		},
		{
			name:    "two messages of one publisher are swapped",
			streams: map[int][]int{2: swapped(17, 20)},
			want:    result.Faults{Reordered: 3}, // 18 and 19 come after 20, and 17 after them
			least:   2,                           // or 20 comes before 17, and 17 after 19
		},
		{
			name:    "two messages of two publishers are swapped on the connection that receives first",
			streams: map[int][]int{0: swapped(17, 18)},
			want:    result.Faults{Reordered: 1},
		},
		{
			name:    "two messages of one publisher are swapped on the connection that receives first",
			streams: map[int][]int{0: swapped(17, 20)},
			want:    result.Faults{Reordered: 3},
			least:   1,
		},
		{
			name:    "one is lost, another duplicated",
			streams: map[int][]int{2: slices.Insert(without(all, 5), 20, 3)},
			want:    result.Faults{Lost: 1, Duplicated: 1},
		},
		{
			name:    "two connections lose different messages",
			streams: map[int][]int{0: without(all, 5), 3: without(all, 6)},
			want:    result.Faults{Lost: 2},
		},
		{
			name:    "the first receiver lost one, the second another",
			streams: map[int][]int{0: without(all, 5), 1: without(all, 9)},
			want:    result.Faults{Lost: 2},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The faults do not depend on the order in which the members receive.
			for _, step := range []int{1, 3, messages * 3} {
				h := newHall(t, 4, 3)
				h.sent(messages)
				for from := 0; from < messages*2; from += step {
					for i := range h.conns {
						stream, ok := tt.streams[i]
						if !ok {
							stream = all
						}
						if from < len(stream) {
							h.hears(i, h.wire(stream[from:min(from+step, len(stream))]...))
						}
					}
				}
				got, expected := h.finish()
				if tt.least > 0 && got.Reordered >= tt.least && got.Reordered <= tt.want.Reordered {
					got.Reordered = tt.want.Reordered
				}
				if got != tt.want {
					t.Errorf("in steps of %d: got %+v, want %+v; %+v", step, got, tt.want, h.proof.samples)
				}
				if want := uint64(messages * len(h.conns)); expected != want {
					t.Errorf("in steps of %d: got %d deliveries expected, want %d", step, expected, want)
				}
				if tt.want.Any() == (len(h.proof.samples) == 0) {
					t.Errorf("in steps of %d: got samples %+v", step, h.proof.samples)
				}
			}
		})
	}
}

func TestEveryAlteredByteIsFound(t *testing.T) {
	for _, reader := range []int{0, 1} {
		for i := range testSize {
			h := newHall(t, 2, 1)
			h.sent(3)
			bad := h.message(1)
			bad[i] ^= 1
			for member := range h.conns {
				wire := h.wire(0, 1, 2)
				if member == reader {
					wire = slices.Concat(h.wire(0), ws.AppendFrame(nil, ws.OpText, bad), h.wire(2))
				}
				h.hears(member, wire)
			}
			if got, _ := h.finish(); got != (result.Faults{Corrupt: 1}) {
				t.Errorf("byte %d altered on connection %d: got %+v, want one corrupt", i, reader, got)
			}
		}
	}
}

func TestCutMessageIsCorrupt(t *testing.T) {
	for n := StampSize; n < testSize; n++ {
		h := newHall(t, 2, 1)
		h.sent(3)
		h.hears(0, h.wire(0, 1, 2))
		h.hears(1, slices.Concat(h.wire(0), ws.AppendFrame(nil, ws.OpText, h.message(1)[:n]), h.wire(2)))
		if got, _ := h.finish(); got != (result.Faults{Corrupt: 1}) {
			t.Errorf("cut to %d bytes: got %+v, want one corrupt", n, got)
		}
	}
}

func TestForgedMessageIsCorrupt(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(4)
	for n, s := range map[string]stamp{
		"a sequence never sent":     {run: testRun, publisher: 0, seq: 2},
		"an unknown publisher": {run: testRun, publisher: 2, seq: 0},
	} {
		b := h.message(0)
		s.put(b)
		if _, is := h.room.receive(&h.conns[0].member, b); is != altered {
			t.Errorf("%s: got verdict %d, want %d", n, is, altered)
		}
	}
}

func TestMessagesOfOtherClientsAreForeign(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(2)
	other := h.message(0)
	stamp{run: testRun + 1}.put(other)
	for i := range h.conns {
		h.hears(i, h.wire(0))
		h.hears(i, ws.AppendFrame(nil, ws.OpText, []byte("a user joined")))
		h.hears(i, ws.AppendFrame(nil, ws.OpText, other))
		h.hears(i, ws.AppendFrame(nil, ws.OpBinary, []byte{0xFF}))
		h.hears(i, h.wire(1))
	}
	got, _ := h.finish()
	if got.Any() || h.poller.count.Foreign != 6 || h.poller.count.Deliveries != 4 {
		t.Errorf("got %+v, %d foreign, %d ours, want none, 6, 4", got, h.poller.count.Foreign, h.poller.count.Deliveries)
	}
}

func TestGraceAllowsALateJoin(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(10)
	h.conns[1].member.since = 1005 // it opened so late that messages 0 to 4 are not due
	h.hears(0, h.wire(upTo(10)...))
	h.hears(1, h.wire(7, 8, 9))
	got, expected := h.finish()
	if got != (result.Faults{Lost: 2}) || expected != 15 {
		t.Errorf("got %+v of %d, want 2 lost of 15", got, expected)
	}
}

func TestWithoutAnEchoOwnMessagesAreNotDue(t *testing.T) {
	h := newHall(t, 3, 3)
	h.proof.noEcho = true
	h.sent(30)
	for round := range 10 {
		for i := range h.conns {
			h.hears(i, h.wire(without([]int{3 * round, 3*round + 1, 3*round + 2}, 3*round+i)...))
		}
	}
	got, expected := h.finish()
	if got.Any() || expected != 60 {
		t.Errorf("got %+v of %d, want no faults of 60; %+v", got, expected, h.proof.samples)
	}
}

func TestCompleteOnlyWhenNothingIsMissing(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(3)
	h.proof.expect([]uint32{3}, nil)
	steps := []struct {
		wire []byte
		want bool
	}{{nil, false}, {h.wire(0), false}, {h.wire(2), false}, {h.wire(1), true}}
	for i, step := range steps {
		h.hears(0, step.wire)
		if got := h.room.complete(&h.conns[0].member); got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}

// Each random fault is found, whichever member receives first.
func TestNoRandomFaultIsMissed(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		h := newHall(t, 3, 1+random.IntN(4))
		const messages = 30
		h.sent(messages)
		victim := random.IntN(3)
		stream := upTo(messages)
		i, j := random.IntN(messages), random.IntN(messages-1)
		if j >= i {
			j++
		}
		var what string
		var wrong func(result.Faults) bool
		switch random.IntN(3) {
		case 0:
			what, stream = fmt.Sprint("lost ", i), without(stream, i)
			wrong = func(f result.Faults) bool { return f != result.Faults{Lost: 1} }
		case 1:
			what, stream = fmt.Sprint("duplicated ", i, " at ", max(i, j)), slices.Insert(stream, max(i, j), i)
			wrong = func(f result.Faults) bool { return f != result.Faults{Duplicated: 1} }
		case 2:
			what = fmt.Sprint("swapped ", i, " and ", j)
			stream[i], stream[j] = stream[j], stream[i]
			wrong = func(f result.Faults) bool { return f.Reordered == 0 || f.Lost+f.Duplicated+f.Corrupt > 0 }
		}
		streams := [][]int{upTo(messages), upTo(messages), upTo(messages)}
		streams[victim] = stream
		for left := 1; left > 0; {
			left = 0
			for i := range streams {
				n := random.IntN(len(streams[i]) + 1)
				h.hears(i, h.wire(streams[i][:n]...))
				streams[i] = streams[i][n:]
				left += len(streams[i])
			}
		}
		if got, _ := h.finish(); wrong(got) {
			t.Fatalf("connection %d of %d publishers, %s: got %+v", victim, h.publishers, what, got)
		}
	}
}

func TestLogForgetsOldMessages(t *testing.T) {
	t.Parallel()
	p := newProof(planOf(Plan{Rooms: make([]string, 1<<12), Publishers: 1}))
	r := p.rooms[0]
	messages := 2*int(r.log.window()) + 500
	p.sent[0].Store(uint32(messages))
	ahead, behind := &member{publisher: -1}, &member{publisher: -1}
	r.join(ahead, -grace)
	r.join(behind, -grace)
	for n := range uint32(messages) {
		p.publics[0].append(r.log.append(entry{words: stampWords{1}, seq: n}), r.log.window())
	}
	ahead.next = r.log.length.Load()
	if r.log.at(0) != nil {
		t.Error("the log still has its first entry")
	}
	if n := len(p.publics[0].at); n > 3*int(r.log.window()) {
		t.Errorf("got %d places, want about a window", n)
	}
	if got := p.finish([]*member{ahead, behind}).Faults; got != (result.Faults{Lost: messages}) {
		t.Errorf("got %+v, want %d lost", got, messages)
	}
}

// With many rooms each log keeps fewer messages, and all together about as many as one.
func TestTheLogsOfManyRoomsAreSmaller(t *testing.T) {
	for _, rooms := range []int{1, 50, 1000, 20_000} {
		l := newRoomLog(rooms)
		if n := int(l.window()); n < minWindow/2 || rooms > 1 && n*rooms > 2*allWindows && n > minWindow {
			t.Errorf("the logs of %d rooms keep %d messages each", rooms, n)
		}
	}
}

func TestANewMemberReceivesFromItsJoinOn(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(10)
	for i := range h.conns {
		h.hears(i, h.wire(upTo(5)...))
	}
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, -grace)
	h.conns = append(h.conns, late)
	h.hears(2, h.wire(5, 6, 8, 9))
	for i := range 2 {
		h.hears(i, h.wire(5, 6, 7, 8, 9))
	}
	if got, expected := h.finish(); got != (result.Faults{Lost: 1}) || expected != 25 {
		t.Errorf("got %+v of %d, want 1 lost of 25", got, expected)
	}
}

// A new member may receive a message that was sent before it joined, whether other members have received it or not.
func TestANewMemberMayReceiveMessagesInFlight(t *testing.T) {
	h := newHall(t, 1, 1)
	h.sent(10)
	h.hears(0, h.wire(upTo(8)...))
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, -grace)
	h.conns = append(h.conns, late)
	h.hears(1, h.wire(5, 6, 7, 8, 9))
	h.hears(0, h.wire(8, 9))
	if got, expected := h.finish(); got.Any() || expected != 15 {
		t.Errorf("got %+v of %d, want no faults of 15", got, expected)
	}
}

// A new member may be the first receiver of a message. The messages that others receive before that one were sent before it joined.
func TestANewMemberMayReceiveFirst(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(10)
	for i := range h.conns {
		h.hears(i, h.wire(upTo(6)...))
	}
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, 0)
	h.conns = append(h.conns, late)
	h.hears(2, h.wire(7)) // it joined between 6 and 7
	h.hears(0, h.wire(6))
	h.hears(2, h.wire(8))
	h.hears(0, h.wire(7, 8, 9))
	h.hears(1, h.wire(6, 7, 8, 9))
	h.hears(2, h.wire(9))
	if got, expected := h.finish(); got.Any() || expected != 10+10+3 {
		t.Errorf("got %+v of %d, want no faults of %d", got, expected, 10+10+3)
	}
}

func TestALeavingMemberLosesOnlyWhatItMissed(t *testing.T) {
	h := newHall(t, 3, 1)
	h.sent(10)
	h.hears(0, h.wire(upTo(10)...))
	h.hears(1, h.wire(upTo(10)...))
	h.hears(2, h.wire(0, 1, 3, 4)) // 2 is lost, 5 to 9 are in flight
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
		h.hears(i, h.wire(upTo(5)...))
	}
	late := &conn{poller: h.poller, room: h.room, state: open, member: member{connection: 7, publisher: -1}}
	h.room.join(&late.member, 0)
	h.conns = append(h.conns, late)
	h.hears(0, h.wire(5))
	h.hears(3, h.wire(6)) // it joined between 5 and 6, but the log has 6 after 7
	for i := range 2 {
		h.hears(i+1, h.wire(5)) // 6 is in flight
	}
	if !h.conns[1].part() {
		t.Fatal("it was not a member")
	}
	h.hears(2, h.wire(7))
	if !h.conns[2].part() { // 6 is lost, because 7 arrived
		t.Fatal("it was not a member")
	}
	h.hears(0, h.wire(6, 7, 8, 9))
	h.hears(3, h.wire(7, 8, 9))
	if got, expected := h.finish(); got != (result.Faults{Lost: 1}) || expected != 10+6+8+4 {
		t.Errorf("got %+v of %d, want 1 lost of %d", got, expected, 10+6+8+4)
	}
}

func TestMessageInAWrongRoomIsMisrouted(t *testing.T) {
	p := newProof(planOf(Plan{Rooms: make([]string, 2), RoomOf: []int32{0, 1}, Publishers: 2}))
	p.sent[0].Store(1)
	p.sent[1].Store(1)
	m := &member{publisher: -1, connection: 3}
	p.rooms[0].join(m, -grace)
	b := append(make([]byte, StampSize), p.filler...)
	stamp{run: testRun, publisher: 1}.put(b)
	if _, is := p.rooms[0].receive(m, b); is != altered {
		t.Errorf("got verdict %d, want %d", is, altered)
	}
	f := p.finish([]*member{m})
	if f.Misrouted != 1 || len(f.Samples) == 0 || f.Samples[0].Connection != 3 {
		t.Errorf("got %+v", f)
	}
}

// Two agents with the same order have the same digest. Another order has another digest.
func TestAgentsWithOneOrderHaveOneDigest(t *testing.T) {
	hear := func(agent int, order ...int) Order {
		p := newProof(planOf(Plan{Publishers: 2, Agent: agent, Agents: 2}))
		m := &member{publisher: -1}
		p.rooms[0].join(m, -grace)
		for _, n := range order {
			b := append(make([]byte, StampSize), p.filler...)
			stamp{run: testRun, publisher: uint32(n % 2), seq: uint32(n / 2)}.put(b)
			if p.own(n % 2) {
				p.sent[n%2].Add(1)
			}
			if _, is := p.rooms[0].receive(m, b); is != fresh {
				t.Fatalf("message %d: verdict %d", n, is)
			}
		}
		p.expect([]uint32{2, 2}, nil)
		if !p.rooms[0].complete(m) {
			t.Error("not complete")
		}
		return p.finish([]*member{m}).Orders[0]
	}
	one, same, other := hear(0, 0, 1, 2, 3), hear(1, 0, 1, 2, 3), hear(1, 0, 1, 3, 2)
	if one != same || one == other || one.Length != 4 || other.Length != 4 {
		t.Errorf("got %+v, %+v and %+v, want the first two equal", one, same, other)
	}
}

func TestStreamMayBeCutAnywhere(t *testing.T) {
	t.Parallel()
	const messages = 6
	plain := func(h *hall) []byte { return h.wire(upTo(messages)...) }
	fragments := func(h *hall) []byte {
		var b []byte
		for n := range messages {
			m := h.message(n)
			b = append(b, byte(ws.OpText), 50)
			b = append(b, m[:50]...)
			b = append(b, fin|byte(ws.OpPong), 0)
			b = append(b, fin|byte(ws.OpContinuation), testSize-50)
			b = append(b, m[50:]...)
		}
		return b
	}
	for name, stream := range map[string]func(*hall) []byte{"whole": plain, "fragmented": fragments} {
		length := len(stream(newHall(t, 1, 2)))
		for first := range length + 1 {
			h := newHall(t, 1, 2)
			h.sent(messages)
			wire := stream(h)
			h.hears(0, bytes.Clone(wire[:first]))
			h.hears(0, bytes.Clone(wire[first:]))
			if got, _ := h.finish(); got.Any() || h.poller.count.Deliveries != messages {
				t.Fatalf("%s, cut at %d: got %+v, %d deliveries", name, first, got, h.poller.count.Deliveries)
			}
		}
		h := newHall(t, 1, 2)
		h.sent(messages)
		for _, b := range stream(h) {
			h.hears(0, []byte{b})
		}
		if got, _ := h.finish(); got.Any() || h.poller.count.Deliveries != messages {
			t.Errorf("%s, byte by byte: got %+v, %d deliveries", name, got, h.poller.count.Deliveries)
		}
	}
}

func FuzzNextFrame(f *testing.F) {
	f.Add(ws.AppendFrame(nil, ws.OpText, []byte("hello")))
	f.Add(ws.AppendFrame(nil, ws.OpText, make([]byte, 126)))
	f.Add(ws.AppendFrame(nil, ws.OpBinary, make([]byte, 70_000)))
	f.Add(ws.AppendFrame(nil, ws.OpPing, nil))
	f.Add([]byte{0x81, 0xFF, 1, 2, 3})
	f.Add([]byte{0x89, 126, 0, 126})
	f.Fuzz(func(t *testing.T, b []byte) {
		op, payload, need := nextFrame(b)
		if need == 0 || need > len(b) {
			return
		}
		var d ws.Decoder
		rules := ws.Rules{MaxMessage: maxMessage, MaxFragments: 1, FromServer: true}
		if op == ws.OpText || op == ws.OpClose {
			return // the decoder checks those
		}
		got, rest, err := d.Next(&rules, bytes.Clone(b))
		if err != nil || got.Op != op || !bytes.Equal(got.Payload, payload) || len(rest) != len(b)-need {
			t.Errorf("got %v %q, want the decoder's %v %q, %v", op, payload, got.Op, got.Payload, err)
		}
	})
}

// BenchmarkDelivery measures one delivery without the kernel: 500 frames a read, as in a hot room.
func BenchmarkDelivery(b *testing.B) {
	const batch = 500
	v := newProof(planOf(Plan{Size: 128, Publishers: 1}))
	p := newPoller(v, &Protocols[0], 100)
	v.sent[0].Store(1 << 31)
	wire := make([]byte, 0, batch*132)
	body := make([]byte, 128)
	copy(body[StampSize:], v.filler)
	const members = 500
	conns := make([]conn, members)
	for i := range conns {
		conns[i] = conn{poller: p, room: v.rooms[0], state: open}
		v.rooms[0].join(&conns[i].member, -grace)
	}
	seq := uint32(0)
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		wire = wire[:0]
		for range batch {
			stamp{run: testRun, seq: seq, intended: int64(seq)}.put(body)
			wire = ws.AppendFrame(wire, ws.OpText, body)
			seq++
		}
		b.StartTimer()
		for i := 0; i < members && done < b.N; i++ {
			p.onBytes(&conns[i], wire, int64(seq)*2)
			done += batch
		}
		b.StopTimer()
		for i := range conns {
			conns[i].member.next = v.rooms[0].log.length.Load()
		}
	}
}
