package agent

import (
	"bytes"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

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
			h.receives(0, bytes.Clone(wire[:first]))
			h.receives(0, bytes.Clone(wire[first:]))
			if got, _ := h.finish(); got.Any() || h.poller.count.Deliveries != messages {
				t.Fatalf("%s, cut at %d: got %+v, %d deliveries", name, first, got, h.poller.count.Deliveries)
			}
		}
		h := newHall(t, 1, 2)
		h.sent(messages)
		for _, b := range stream(h) {
			h.receives(0, []byte{b})
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
		got1, need := nextFrame(b, false)
		op, payload := got1.op, got1.payload
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
	v := newDeliveryCheck(planOf(Plan{Size: 128, Publishers: 1}))
	p := newPoller(v, &Protocols[0], 100)
	v.sent[0].Store(1 << 31)
	wire := make([]byte, 0, batch*132)
	body := make([]byte, 128)
	copy(body[StampSize:], v.filler.of(0, 0))
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
