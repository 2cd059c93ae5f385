package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

const (
	testRun  = 0x7E57
	testSize = 130
)

// hall is a room without a network: members are fed frames as a server could have sent them.
type hall struct {
	t          *testing.T
	verifier   *verifier
	poller     *poller
	conns      []*conn
	publishers int
}

func newHall(t *testing.T, members, publishers int) *hall {
	h := &hall{t: t, verifier: newVerifier(testRun, testSize, publishers, false), publishers: publishers}
	h.poller = newPoller(h.verifier)
	for i := range members {
		c := &conn{poller: h.poller, state: open, member: member{connection: int32(i), publisher: -1}}
		if i < publishers {
			c.member.publisher = int32(i)
		}
		h.conns = append(h.conns, c)
	}
	return h
}

// message is the payload of message n of the room; publishers take turns.
func (h *hall) message(n int) []byte {
	b := make([]byte, testSize)
	s := stamp{run: testRun, publisher: uint32(n % h.publishers), seq: uint32(n / h.publishers), intended: int64(1000 + n)}
	s.put(b)
	copy(b[StampSize:], h.verifier.filler)
	return b
}

// sent counts n messages as sent.
func (h *hall) sent(n int) {
	for i := range n {
		h.verifier.sent[i%h.publishers].Add(1)
	}
}

// hears gives the member bytes of the wire.
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

func (h *hall) finish() (Faults, uint64) {
	var members []*member
	for _, c := range h.conns {
		members = append(members, &c.member)
	}
	faults, expected, _ := h.verifier.finish(members, nil)
	return faults, expected
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
		streams map[int][]int // member: what it hears; the others hear all
		want    Faults
		least   int // Reordered may be told in fewer: which one moved is a matter of who was first; 0 for exactly as said
	}{
		{
			name: "nothing is wrong",
		},
		{
			name:    "one message is lost on one connection",
			streams: map[int][]int{2: without(all, 17)},
			want:    Faults{Lost: 1},
		},
		{
			name:    "the first message is lost on one connection",
			streams: map[int][]int{2: without(all, 0)},
			want:    Faults{Lost: 1},
		},
		{
			name:    "the last message is lost on one connection",
			streams: map[int][]int{2: without(all, messages-1)},
			want:    Faults{Lost: 1},
		},
		{
			name:    "one message is lost on the connection that hears first",
			streams: map[int][]int{0: without(all, 17)},
			want:    Faults{Lost: 1},
		},
		{
			name:    "the last message is lost on the connection that hears first",
			streams: map[int][]int{0: without(all, messages-1)},
			want:    Faults{Lost: 1},
		},
		{
			name:    "a run of messages is lost on the connection that hears first",
			streams: map[int][]int{0: append(upTo(10), all[20:]...)},
			want:    Faults{Lost: 10},
		},
		{
			name:    "one connection hears nothing",
			streams: map[int][]int{3: {}},
			want:    Faults{Lost: messages},
		},
		{
			name:    "one message reaches nobody",
			streams: map[int][]int{0: without(all, 17), 1: without(all, 17), 2: without(all, 17), 3: without(all, 17)},
			want:    Faults{Lost: 4},
		},
		{
			name:    "the last message reaches nobody",
			streams: map[int][]int{0: upTo(messages - 1), 1: upTo(messages - 1), 2: upTo(messages - 1), 3: upTo(messages - 1)},
			want:    Faults{Lost: 4},
		},
		{
			name:    "one message comes twice in a row",
			streams: map[int][]int{1: slices.Insert(slices.Clone(all), 17, 17)},
			want:    Faults{Duplicated: 1},
		},
		{
			name:    "one message comes again much later",
			streams: map[int][]int{1: append(slices.Clone(all), 3)},
			want:    Faults{Duplicated: 1},
		},
		{
			name:    "one message comes twice to the connection that hears first",
			streams: map[int][]int{0: slices.Insert(slices.Clone(all), 17, 17)},
			want:    Faults{Duplicated: 1},
		},
		{
			name:    "everything comes twice",
			streams: map[int][]int{2: append(slices.Clone(all), all...)},
			want:    Faults{Duplicated: messages},
		},
		{
			name:    "two messages of two publishers are swapped",
			streams: map[int][]int{2: swapped(17, 18)},
			want:    Faults{Reordered: 1},
		},
		{
			name:    "two messages of one publisher are swapped",
			streams: map[int][]int{2: swapped(17, 20)},
			want:    Faults{Reordered: 3}, // 18 and 19 come behind 20, too, and 17 behind them
			least:   2,                    // or 20 comes before 17, and 17 behind 19
		},
		{
			name:    "two messages of two publishers are swapped on the connection that hears first",
			streams: map[int][]int{0: swapped(17, 18)},
			want:    Faults{Reordered: 1},
		},
		{
			name:    "two messages of one publisher are swapped on the connection that hears first",
			streams: map[int][]int{0: swapped(17, 20)},
			want:    Faults{Reordered: 3},
			least:   1,
		},
		{
			name:    "one is lost, another doubled",
			streams: map[int][]int{2: slices.Insert(without(all, 5), 20, 3)},
			want:    Faults{Lost: 1, Duplicated: 1},
		},
		{
			name:    "one is lost here and another there",
			streams: map[int][]int{0: without(all, 5), 3: without(all, 6)},
			want:    Faults{Lost: 2},
		},
		{
			name:    "the first to hear lost one, the second another",
			streams: map[int][]int{0: without(all, 5), 1: without(all, 9)},
			want:    Faults{Lost: 2},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// However the members' turns fall, the faults are the same.
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
					t.Errorf("in steps of %d: got %+v, want %+v; %+v", step, got, tt.want, h.verifier.samples)
				}
				if want := uint64(messages * len(h.conns)); expected != want {
					t.Errorf("in steps of %d: got %d deliveries expected, want %d", step, expected, want)
				}
				if tt.want.Any() == (len(h.verifier.samples) == 0) {
					t.Errorf("in steps of %d: got samples %+v", step, h.verifier.samples)
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
			if got, _ := h.finish(); got != (Faults{Corrupt: 1}) {
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
		if got, _ := h.finish(); got != (Faults{Corrupt: 1}) {
			t.Errorf("cut to %d bytes: got %+v, want one corrupt", n, got)
		}
	}
}

func TestForgedMessageIsCorrupt(t *testing.T) {
	h := newHall(t, 2, 2)
	h.sent(4)
	for n, s := range map[string]stamp{
		"a sequence never sent":     {run: testRun, publisher: 0, seq: 2},
		"a publisher there is none": {run: testRun, publisher: 2, seq: 0},
	} {
		b := h.message(0)
		s.put(b)
		if _, is := h.verifier.receive(&h.conns[0].member, b); is != altered {
			t.Errorf("%s: got verdict %d, want %d", n, is, altered)
		}
	}
}

func TestMessagesOfOthersAreNotOurs(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(2)
	other := h.message(0)
	stamp{run: testRun + 1}.put(other)
	for i := range h.conns {
		h.hears(i, h.wire(0))
		h.hears(i, ws.AppendFrame(nil, ws.OpText, []byte("somebody joined")))
		h.hears(i, ws.AppendFrame(nil, ws.OpText, other))
		h.hears(i, ws.AppendFrame(nil, ws.OpBinary, []byte{0xFF}))
		h.hears(i, h.wire(1))
	}
	got, _ := h.finish()
	if got.Any() || h.poller.count.foreign != 6 || h.poller.count.deliveries != 4 {
		t.Errorf("got %+v, %d foreign, %d ours, want none, 6, 4", got, h.poller.count.foreign, h.poller.count.deliveries)
	}
}

func TestWarmUpForgivesALateJoin(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(10)
	h.verifier.measureFrom.Store(1005) // messages 0 to 4 are warm-up
	h.hears(0, h.wire(upTo(10)...))
	h.hears(1, h.wire(7, 8, 9))
	got, expected := h.finish()
	if got != (Faults{Lost: 2}) || expected != 15 {
		t.Errorf("got %+v of %d, want 2 lost of 15", got, expected)
	}
}

func TestOwnMessagesNeedNotComeBack(t *testing.T) {
	h := newHall(t, 3, 3)
	h.verifier.noEcho = true
	h.sent(30)
	for round := range 10 {
		for i := range h.conns {
			h.hears(i, h.wire(without([]int{3 * round, 3*round + 1, 3*round + 2}, 3*round+i)...))
		}
	}
	got, expected := h.finish()
	if got.Any() || expected != 60 {
		t.Errorf("got %+v of %d, want no faults of 60; %+v", got, expected, h.verifier.samples)
	}
}

func TestCompleteOnlyWhenNothingIsMissing(t *testing.T) {
	h := newHall(t, 2, 1)
	h.sent(3)
	steps := []struct {
		wire []byte
		want bool
	}{{nil, false}, {h.wire(0), false}, {h.wire(2), false}, {h.wire(1), true}}
	for i, step := range steps {
		h.hears(0, step.wire)
		if got := h.verifier.complete(&h.conns[0].member); got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}

// Random faults, each of which must leave a mark, whoever hears first.
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
		var wrong func(Faults) bool
		switch random.IntN(3) {
		case 0:
			what, stream = fmt.Sprint("lost ", i), without(stream, i)
			wrong = func(f Faults) bool { return f != Faults{Lost: 1} }
		case 1:
			what, stream = fmt.Sprint("doubled ", i, " at ", max(i, j)), slices.Insert(stream, max(i, j), i)
			wrong = func(f Faults) bool { return f != Faults{Duplicated: 1} }
		case 2:
			what = fmt.Sprint("swapped ", i, " and ", j)
			stream[i], stream[j] = stream[j], stream[i]
			wrong = func(f Faults) bool { return f.Reordered == 0 || f.Lost+f.Duplicated+f.Corrupt > 0 }
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

func TestLogForgetsAndGoesOn(t *testing.T) {
	t.Parallel()
	v := newVerifier(testRun, testSize, 1, false)
	v.sent[0].Store(2*window + 5000)
	ahead, behind := &member{publisher: -1}, &member{publisher: -1}
	for n := range uint32(2*window + 5000) {
		v.publishers[0].append(v.log.append(entry{words: stampWords{1}, seq: n}))
	}
	ahead.next = v.log.length.Load()
	if v.log.at(0) != nil {
		t.Error("the log still holds its first entry")
	}
	if n := len(v.publishers[0].at); n > 3*window {
		t.Errorf("%d places are remembered, want about a window's", n)
	}
	faults, _, _ := v.finish([]*member{ahead, behind}, nil)
	if want := 2*window + 5000; faults != (Faults{Lost: want}) {
		t.Errorf("got %+v, want %d lost", faults, want)
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
			if got, _ := h.finish(); got.Any() || h.poller.count.deliveries != messages {
				t.Fatalf("%s, cut at %d: got %+v, %d deliveries", name, first, got, h.poller.count.deliveries)
			}
		}
		h := newHall(t, 1, 2)
		h.sent(messages)
		for _, b := range stream(h) {
			h.hears(0, []byte{b})
		}
		if got, _ := h.finish(); got.Any() || h.poller.count.deliveries != messages {
			t.Errorf("%s, byte by byte: got %+v, %d deliveries", name, got, h.poller.count.deliveries)
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
			return // the decoder looks into those as well
		}
		got, rest, err := d.Next(&rules, bytes.Clone(b))
		if err != nil || got.Op != op || !bytes.Equal(got.Payload, payload) || len(rest) != len(b)-need {
			t.Errorf("got %v %q, the decoder says %v %q, %v", op, payload, got.Op, got.Payload, err)
		}
	})
}

// BenchmarkDelivery is what one delivery costs beside the kernel: 500 frames a read, as a hot room's are.
func BenchmarkDelivery(b *testing.B) {
	const batch = 500
	v := newVerifier(testRun, 128, 1, false)
	p := newPoller(v)
	v.sent[0].Store(1 << 31)
	wire := make([]byte, 0, batch*132)
	body := make([]byte, 128)
	copy(body[StampSize:], v.filler)
	c := &conn{poller: p, state: open}
	const members = 500
	conns := make([]conn, members)
	for i := range conns {
		conns[i] = conn{poller: p, state: open}
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
			conns[i].member.next = v.log.length.Load()
		}
	}
	_ = c
}
