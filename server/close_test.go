package server

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

func TestProtocolErrorsHaveTheirCloseCode(t *testing.T) {
	t.Parallel()
	masked := func(op ws.Opcode, payload string) []byte {
		return ws.AppendMaskedFrame(nil, op, 0x01020304, []byte(payload))
	}
	with := func(b []byte, change func([]byte)) []byte {
		change(b)
		return b
	}
	for _, tt := range []struct {
		name   string
		bytes  []byte
		want   ws.CloseCode
		reason fanout.Reason
	}{
		{
			name:   "an unmasked frame",
			bytes:  ws.AppendFrame(nil, ws.OpText, []byte("hi")),
			want:   ws.CloseProtocolError,
			reason: fanout.ClosedProtocol,
		},
		{
			name:   "a reserved bit",
			bytes:  with(masked(ws.OpText, "hi"), func(b []byte) { b[0] |= 0x40 }),
			want:   ws.CloseProtocolError,
			reason: fanout.ClosedProtocol,
		},
		{
			name:   "an unknown opcode",
			bytes:  masked(3, "hi"),
			want:   ws.CloseProtocolError,
			reason: fanout.ClosedProtocol,
		},
		{
			name:   "a continuation without a message",
			bytes:  masked(ws.OpContinuation, "hi"),
			want:   ws.CloseProtocolError,
			reason: fanout.ClosedProtocol,
		},
		{
			name:   "text that is not UTF-8",
			bytes:  masked(ws.OpText, "\xc3\x28"),
			want:   ws.CloseInvalidData,
			reason: fanout.ClosedNotUTF8,
		},
		{
			name:   "a message of 64 KiB and one byte",
			bytes:  masked(ws.OpText, strings.Repeat("x", 64<<10+1)),
			want:   ws.CloseTooBig,
			reason: fanout.ClosedTooBig,
		},
		{
			name:   "a length of 2^63-1",
			bytes:  []byte{0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0},
			want:   ws.CloseTooBig,
			reason: fanout.ClosedTooBig,
		},
		{
			name:   "a close code that is not for the wire",
			bytes:  masked(ws.OpClose, "\x03\xee"),
			want:   ws.CloseProtocolError,
			reason: fanout.ClosedProtocol,
		},
		{
			name:   "a good close is echoed",
			bytes:  masked(ws.OpClose, "\x03\xe8bye"),
			want:   ws.CloseNormal,
			reason: fanout.ClosedByClient,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, nil)
			witness, c := dial(t, s, "lobby"), dial(t, s, "lobby")
			c.send(ws.OpText, "before")
			// No frame after the error may be delivered.
			c.write(append(tt.bytes, masked(ws.OpText, "after")...))
			c.expect(ws.OpText, "before")
			c.expectCloseCode(tt.want)
			c.conn.Close()
			witness.expect(ws.OpText, "before")
			witness.send(ws.OpText, "still here")
			witness.expect(ws.OpText, "still here")
			eventually(t, "the close to be counted", func() bool { return closesBy(s, tt.reason) == 1 })
		})
	}
}

// The server closes its end even if the client never closes TCP.
func TestACloseHasATimeout(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	c := dial(t, s, "lobby")
	c.send(ws.OpClose, "\x03\xe8")
	c.expectCloseCode(ws.CloseNormal)
	// c.conn stays open intentionally.
	eventually(t, "the server to close its end", func() bool { return s.sessions.Live.Load() == 0 })
	if got := closesBy(s, fanout.ClosedByClient); got != 1 {
		t.Errorf("got %d closes by the client, want 1", got)
	}
}

func TestAPublisherOverItsRateIsClosed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Rate = 10 })
	calm, loud := dial(t, s, "lobby"), dial(t, s, "lobby")
	var flood []byte
	for range 30 {
		flood = ws.AppendMaskedFrame(flood, ws.OpText, 1, []byte("x"))
	}
	start := time.Now()
	loud.write(flood)
	heard := 0
	for {
		m, err := loud.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op == ws.OpClose {
			if code, _, _ := ws.ParseClose(m.Payload); code != ws.ClosePolicy {
				t.Fatalf("got close %d, want %d", code, ws.ClosePolicy)
			}
			break
		}
		heard++
	}
	if most := mostAccepted(10, start); heard < 20 || heard > most {
		t.Errorf("got %d messages delivered, want 20 to %d: the burst, and 10 per second that passed", heard, most)
	}
	for range heard {
		calm.expect(ws.OpText, "x")
	}
	calm.send(ws.OpText, "peace")
	calm.expect(ws.OpText, "peace")
}

func TestAPingFloodIsClosed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Rate = 10 })
	c := dial(t, s, "lobby")
	var flood []byte
	for range 50 {
		flood = ws.AppendMaskedFrame(flood, ws.OpPing, 1, nil)
	}
	c.write(flood)
	for {
		m, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op == ws.OpClose {
			break
		}
	}
	eventually(t, "the close to be counted", func() bool { c.conn.Close(); return closesBy(s, fanout.ClosedRate) == 1 })
}
