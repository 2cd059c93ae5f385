package agent

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// written is a sender for a hall's publishers that records the unmasked payloads it writes. fail makes writes fail.
type written struct {
	*sender
	h        *hall
	payloads [][]byte
	pings    [][]byte
	fail     error
}

func newWritten(t *testing.T, publishers int) *written {
	h := newHall(t, publishers, publishers)
	w := &written{h: h, sender: newSender(h.check, &Protocols[0], h.conns, []string{""})}
	w.write = func(_ *conn, b []byte) error {
		if w.fail != nil {
			return w.fail
		}
		op, payload := unmasked(t, b)
		if op == ws.OpPing {
			w.pings = append(w.pings, payload)
		} else {
			w.payloads = append(w.payloads, payload)
		}
		return nil
	}
	return w
}

// unmasked decodes a client's frame of at most 64 KiB, without the package ws.
func unmasked(t *testing.T, frame []byte) (ws.Opcode, []byte) {
	t.Helper()
	head, length := 2, int(frame[1]&0x7F)
	if length == 126 {
		head, length = 4, int(binary.BigEndian.Uint16(frame[2:]))
	}
	if frame[1]&0x80 == 0 || len(frame) != head+4+length {
		t.Fatalf("got a frame of %d bytes, not masked or incomplete", len(frame))
	}
	payload := make([]byte, length)
	for i := range payload {
		payload[i] = frame[head+4+i] ^ frame[head+i&3]
	}
	return ws.Opcode(frame[0] & 0x0F), payload
}

func (w *written) stamps(t *testing.T) (all []stamp) {
	t.Helper()
	for _, b := range w.payloads {
		s, err := parseStamp(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// A sender that was delayed sends all overdue messages, each with its scheduled time: the load is open-loop. The delay is recorded
// separately.
func TestALateMessageHasItsScheduledTime(t *testing.T) {
	const late, rate = int64(50e6), 1000
	w := newWritten(t, 3)
	before := Now()
	start := before - late
	w.schedule = &constant{start: start, end: start + 10*late, rate: rate, publishers: 3, agents: 1}
	next, more := w.due(before)
	after := Now()
	all := w.stamps(t)
	if n := len(all); n != 51 || w.count.Messages != 51 || w.count.Unsendable != 0 || !more || next != start+51*1e6 {
		t.Fatalf("got %d messages (%+v), the next due after %d ns, %v: want the 51 that were due, and the next after 51 ms", n, w.count, next-start, more)
	}
	for i, s := range all {
		want := start + int64(i)*1e6
		if s.intended != want || s.publisher != uint32(i%3) || s.seq != uint32(i/3) {
			t.Errorf("message %d: got %d of publisher %d, due %d ns after the start, want %d", i, s.seq, s.publisher, s.intended-start, want-start)
		}
		if s.lag < before-want || s.lag > after-want {
			t.Errorf("message %d: got a lag of %d ns, want %d to %d", i, s.lag, before-want, after-want)
		}
	}
	if sent, lag := w.take(); sent.Messages != 51 || lag == nil || lag.Total() != 51 || lag.Max() < late || lag.Max() > after-start {
		t.Errorf("got %+v, lags %+v, want 51 of %d to %d ns", sent, lag, late, after-start)
	}
	// take returns each value once.
	if _, lag := w.take(); lag != nil {
		t.Errorf("got %d lags of 51 messages again", lag.Total())
	}
	// No message is sent before its time.
	if next, _ = w.due(next - 1); len(w.payloads) != 51 || next != start+51*1e6 {
		t.Errorf("got %d messages just before the next one, which is due after %d ns", len(w.payloads), next-start)
	}
}

// A sent message is expected. One that could not be written, or whose connection has ended, is counted and not expected.
func TestAnUnsendableMessageIsNotExpected(t *testing.T) {
	w := newWritten(t, 2)
	w.conns = []*conn{w.conns[0], nil}
	at := Now()
	w.one(0, at)
	w.one(1, at)
	w.fail = errors.New("closed")
	w.one(0, at)
	w.fail = nil
	w.one(0, at)
	if w.count != (Sent{Messages: 2, Unsendable: 2}) {
		t.Errorf("got %+v, want 2 sent and 2 unsendable", w.count)
	}
	if all := w.stamps(t); len(all) != 2 || all[0].seq != 0 || all[1].seq != 1 {
		t.Errorf("got %+v, want consecutive sequence numbers", all)
	}
	if n := w.check.sent[0].Load(); n != 2 {
		t.Errorf("got %d expected messages, want 2", n)
	}
	// The numbers of another agent's publishers are unknown.
	w.check.agents, w.check.agent = 2, 0
	if by := w.sentBy(); by[0] != 2 || by[1] != unknown {
		t.Errorf("got %v, want 2 and unknown", by)
	}
}

func TestAPingHasItsScheduledTime(t *testing.T) {
	w := newWritten(t, 1)
	w.ping = true
	due := Now() - int64(time.Second)
	w.one(0, due)
	if len(w.pings) != 1 || binary.BigEndian.Uint64(w.pings[0]) != uint64(due) || w.count.Messages != 1 {
		t.Fatalf("got %x, %+v, want one ping with %d", w.pings, w.count, due)
	}
	if w.conns[0] = nil; w.ping {
		if w.one(0, due); w.count.Unsendable != 1 {
			t.Errorf("got %+v, want 1 unsendable", w.count)
		}
	}
	// The time to its pong counts from its scheduled time.
	h := newHall(t, 1, 1)
	h.poller.onBytes(h.conns[0], ws.AppendFrame(nil, ws.OpPong, w.pings[0]), due+5000)
	if p := &h.poller.ping; p.Total() != 1 || p.Max() != 5000 {
		t.Errorf("got %d pongs, after at most %d ns, want 1 after 5000", p.Total(), p.Max())
	}
}

// A closed loop sends the next message when one has returned, until its end or until stop.
func TestAClosedLoopEndsWithItsTime(t *testing.T) {
	w := newWritten(t, 1)
	w.end = Now() + int64(time.Hour)
	w.again(w.conns[0])
	if len(w.payloads) != 1 {
		t.Fatalf("got %d messages, want 1", len(w.payloads))
	}
	w.end = Now()
	w.again(w.conns[0])
	w.end = Now() + int64(time.Hour)
	w.stop()
	w.again(w.conns[0])
	if len(w.payloads) != 1 {
		t.Errorf("got %d messages after the end, want 0", len(w.payloads)-1)
	}
}
