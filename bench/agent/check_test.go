package agent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

func TestFaultsAreFoundAndNamed(t *testing.T) {
	for _, tt := range faultCases {
		t.Run(tt.name, func(t *testing.T) {
			// The faults do not depend on the order in which the members receive.
			for _, step := range []int{1, 3, faultMessages * 3} {
				h := newHall(t, 4, 3)
				h.sent(faultMessages)
				for from := 0; from < faultMessages*2; from += step {
					for i := range h.conns {
						stream, ok := tt.streams[i]
						if !ok {
							stream = everyMessage
						}
						if from < len(stream) {
							h.receives(i, h.wire(stream[from:min(from+step, len(stream))]...))
						}
					}
				}
				got, expected := h.finish()
				if tt.least > 0 && got.Reordered >= tt.least && got.Reordered <= tt.want.Reordered {
					got.Reordered = tt.want.Reordered
				}
				if got != tt.want {
					t.Errorf("in steps of %d: got %+v, want %+v; %+v", step, got, tt.want, h.check.samples)
				}
				if want := uint64(faultMessages * len(h.conns)); expected != want {
					t.Errorf("in steps of %d: got %d deliveries expected, want %d", step, expected, want)
				}
				if tt.want.Any() == (len(h.check.samples) == 0) {
					t.Errorf("in steps of %d: got samples %+v", step, h.check.samples)
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
				h.receives(member, wire)
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
		h.receives(0, h.wire(0, 1, 2))
		h.receives(1, slices.Concat(h.wire(0), ws.AppendFrame(nil, ws.OpText, h.message(1)[:n]), h.wire(2)))
		if got, _ := h.finish(); got != (result.Faults{Corrupt: 1}) {
			t.Errorf("cut to %d bytes: got %+v, want one corrupt", n, got)
		}
	}
}

func TestForgedMessageIsCorrupt(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(4)
	for n, s := range map[string]stamp{
		"a sequence never sent": {run: testRun, publisher: 0, seq: 2},
		"an unknown publisher":  {run: testRun, publisher: 2, seq: 0},
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
		h.receives(i, h.wire(0))
		h.receives(i, ws.AppendFrame(nil, ws.OpText, []byte("a user joined")))
		h.receives(i, ws.AppendFrame(nil, ws.OpText, other))
		h.receives(i, ws.AppendFrame(nil, ws.OpBinary, []byte{0xFF}))
		h.receives(i, h.wire(1))
	}
	got, _ := h.finish()
	if got.Any() || h.poller.count.Foreign != 6 || h.poller.count.Deliveries != 4 {
		t.Errorf("got %+v, %d foreign, %d ours, want none, 6, 4", got, h.poller.count.Foreign, h.poller.count.Deliveries)
	}
}

func TestWithoutAnEchoOwnMessagesAreNotDue(t *testing.T) {
	h := newHall(t, 3, 3)
	h.check.noEcho = true
	h.sent(30)
	for round := range 10 {
		for i := range h.conns {
			h.receives(i, h.wire(without([]int{3 * round, 3*round + 1, 3*round + 2}, 3*round+i)...))
		}
	}
	got, expected := h.finish()
	if got.Any() || expected != 60 {
		t.Errorf("got %+v of %d, want no faults of 60; %+v", got, expected, h.check.samples)
	}
}

func TestCompleteOnlyWhenNothingIsMissing(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(3)
	h.check.expect([]uint32{3}, nil)
	steps := []struct {
		wire []byte
		want bool
	}{{nil, false}, {h.wire(0), false}, {h.wire(2), false}, {h.wire(1), true}}
	for i, step := range steps {
		h.receives(0, step.wire)
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
				h.receives(i, h.wire(streams[i][:n]...))
				streams[i] = streams[i][n:]
				left += len(streams[i])
			}
		}
		if got, _ := h.finish(); wrong(got) {
			t.Fatalf("connection %d of %d publishers, %s: got %+v", victim, h.publishers, what, got)
		}
	}
}

func TestMessageInAWrongRoomIsMisrouted(t *testing.T) {
	p := newDeliveryCheck(planOf(Plan{Rooms: make([]string, 2), RoomOf: []int32{0, 1}, Publishers: 2}))
	p.sent[0].Store(1)
	p.sent[1].Store(1)
	m := &member{publisher: -1, connection: 3}
	p.rooms[0].join(m, -grace)
	b := append(make([]byte, StampSize), p.filler.of(0, 0)...)
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
	orderOf := func(agent int, order ...int) Order {
		p := newDeliveryCheck(planOf(Plan{Publishers: 2, Agent: agent, Agents: 2}))
		m := &member{publisher: -1}
		p.rooms[0].join(m, -grace)
		for _, n := range order {
			b := append(make([]byte, StampSize), p.filler.of(0, 0)...)
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
	one, same, other := orderOf(0, 0, 1, 2, 3), orderOf(1, 0, 1, 2, 3), orderOf(1, 0, 1, 3, 2)
	if one != same || one == other || one.Length != 4 || other.Length != 4 {
		t.Errorf("got %+v, %+v and %+v, want the first two equal", one, same, other)
	}
}
