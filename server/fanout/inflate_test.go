package fanout

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// deflateFrame is a frame with the compressed form of a message, as a client sends it.
func deflateFrame(t *testing.T, payload []byte, level int) []byte {
	t.Helper()
	frame := ws.AppendMaskedFrame(nil, ws.OpBinary, 7, testkit.Deflate(t, payload, level))
	frame[0] |= 0x40
	return frame
}

// The limit of a message holds behind the inflation, to the byte. The Handler never gets a longer one, and no more of it is inflated.
func TestAMessageIsInflatedUpToItsLimit(t *testing.T) {
	for _, tt := range []struct {
		name string
		more int          // bytes over the limit
		want ws.CloseCode // 0 for an echo
	}{
		{"the limit", 0, 0},
		{"one byte more", 1, ws.CloseTooBig},
		{"a bomb", 16 << 20, ws.CloseTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newTestEngine(Config{MaxUnsent: 1 << 20})
			e.Heartbeat = NewHeartbeat(&e.Core, time.Minute, time.Minute)
			transport := &dripTransport{t: t, seal: 1 << 20, room: 1 << 30}
			client := &echoClient{}
			c := &client.conn
			c.SetDeflate(true)
			e.NewConn(c, transport, client)
			message := make([]byte, e.Limits().Rules.MaxMessage+tt.more)
			c.Take(deflateFrame(t, message, flate.BestSpeed), e.Clock.Now())
			c.Shard.work()
			var d ws.Decoder
			m, _, err := d.Next(&ws.Rules{MaxMessage: 1 << 20, MaxFragments: 1, FromServer: true}, transport.sent)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == 0 {
				if m.Op != ws.OpBinary || !bytes.Equal(m.Payload, message) {
					t.Errorf("got %v of %d bytes, want the message", m.Op, len(m.Payload))
				}
				return
			}
			if code, text, err := ws.ParseClose(m.Payload); m.Op != ws.OpClose || code != tt.want || text != "message too big" || err != nil {
				t.Errorf("got %v %d %q, %v; want close %d", m.Op, code, text, err, tt.want)
			}
			if got := testutil.ToFloat64(e.Metrics.InflateOutput); got > 0 {
				t.Errorf("got %v bytes for the Handler, want none", got)
			}
		})
	}
}

// recorder is a client that notes its messages in a list of all clients. It runs on the loop.
type recorder struct {
	echoClient
	all *[]*recorder
}

func (r *recorder) OnMessage(op ws.Opcode, b []byte, now time.Duration) {
	*r.all = append(*r.all, r)
	r.echoClient.OnMessage(op, b, now)
}

// inLoopPairs starts an engine with connections that have negotiated compression, and returns the other ends as well.
func inLoopPairs(t *testing.T, cfg Config, n int) (e *Engine, clients []*recorder, peers []*net.TCPConn) {
	t.Helper()
	e = newTestEngine(cfg)
	l := e.Limits()
	l.Rules.MaxMessage, l.DeflateRules.MaxMessage, l.DeflateRules.MaxCompressed = 4<<20, 4<<20, deflate.MaxCompressed(4<<20)
	if err := e.Start(0, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Quit()
		e.Stop()
	})
	all := &[]*recorder{}
	for range n {
		ours, theirs := tcpPair(t)
		t.Cleanup(func() { theirs.Close() })
		if err := theirs.SetDeadline(time.Now().Add(testkit.Timeout)); err != nil {
			t.Fatal(err)
		}
		r := &recorder{echoClient: echoClient{closed: make(chan struct{})}, all: all}
		if !e.Reserve() {
			t.Fatal("no place")
		}
		r.conn.SetDeflate(true)
		e.NewConn(&r.conn, overTCP(t, ours), r)
		e.Wake(e.Register(&r.conn, nil, EncodeFrame(ws.OpText, []byte("hello")), nil))
		expectFrame(t, theirs, []byte("hello"))
		clients, peers = append(clients, r), append(peers, theirs)
	}
	return e, clients, peers
}

// expectFrame reads the next frame that is not a ping, and checks its payload unless want is nil.
func expectFrame(t *testing.T, from net.Conn, want []byte) (op ws.Opcode) {
	t.Helper()
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(from, b); err != nil {
			t.Fatalf("got %v, want a frame of %d bytes", err, len(want))
		}
		return b
	}
	for {
		head := read(2)
		size := int(head[1])
		switch size {
		case 126:
			size = int(binary.BigEndian.Uint16(read(2)))
		case 127:
			size = int(binary.BigEndian.Uint64(read(8)))
		}
		got := read(size)
		switch op = ws.Opcode(head[0] & 15); {
		case op == ws.OpPing:
			continue
		case want != nil && !bytes.Equal(got, want):
			t.Fatalf("got %v of %d bytes, want %d, or others", op, len(got), len(want))
		}
		return op
	}
}

// onPoller calls f on the poller of the engine, and waits for it.
func onPoller(e *Engine, f func(*reader)) {
	done := make(chan struct{})
	rd := e.Loop.readers[0]
	rd.Post(func() {
		defer close(done)
		f(rd)
	})
	<-done
}

// literals is data that shrinks to the codes of its bytes.
func literals(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32() & rand.Uint32())
	}
	return b
}

// Inflations of one poller take turns, so a long one delays neither the others nor the messages that need no inflation.
func TestInflationsTakeTurns(t *testing.T) {
	e, clients, peers := inLoopPairs(t, Config{MaxUnsent: 64 << 20}, 3)
	sizes := []int{600 << 10, 200 << 10, 600 << 10}
	var messages, frames [][]byte
	for _, n := range sizes {
		m := literals(n)
		messages, frames = append(messages, m), append(frames, deflateFrame(t, m, flate.HuffmanOnly))
	}
	onPoller(e, func(rd *reader) {
		for i, r := range clients {
			r.conn.Take(frames[i], e.Clock.Now())
			if !r.conn.Is(inflating) {
				t.Fatalf("message %d of %d bytes is inflated at once", i, sizes[i])
			}
		}
		if n, bytes := e.Unfinished.Size(); n != 3 || bytes < 3*sizes[1] {
			t.Errorf("got %d unfinished messages of %d bytes, want 3", n, bytes)
		}
		for turn := 0; len(rd.inflating) == 3; turn++ {
			if got, want := rd.inflating[0].(*inflation).conn, &clients[turn%3].conn; got != want {
				t.Errorf("turn %d: got another connection", turn)
			}
			rd.inflate()
		}
		if got := *clients[0].all; len(got) != 1 || got[0] != clients[1] {
			t.Errorf("got %d messages, want the shortest one", len(got))
		}
		if n, bytes := e.Unfinished.Size(); n != 2 || bytes < sizes[0]/2 {
			t.Errorf("got %d unfinished messages of %d bytes, want 2", n, bytes)
		}
	})
	for i, peer := range peers {
		expectFrame(t, peer, messages[i])
	}
	if n, bytes := e.Unfinished.Size(); n != 0 || bytes != 0 {
		t.Errorf("got %d unfinished messages of %d bytes, want none", n, bytes)
	}
}

// What follows a long message is handled after it, in order: bytes that were read with it, and those that come while it is inflated.
func TestWhatFollowsALongMessage(t *testing.T) {
	_, clients, peers := inLoopPairs(t, Config{MaxUnsent: 64 << 20}, 1)
	first, second := literals(400<<10), literals(200<<10)
	long := deflateFrame(t, first, flate.HuffmanOnly)
	stream := append(bytes.Clone(long), ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("small"))...)
	stream = append(append(stream, deflateFrame(t, second, flate.HuffmanOnly)...), ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("last"))...)
	for range 2 {
		go func() {
			if _, err := peers[0].Write(stream); err != nil {
				t.Error(err)
			}
		}()
		for _, want := range [][]byte{first, []byte("small"), second, []byte("last")} {
			expectFrame(t, peers[0], want)
		}
	}
	// A close frame that comes with a long message.
	if _, err := peers[0].Write(append(long, ws.AppendMaskedFrame(nil, ws.OpClose, 7, ws.ClosePayload(ws.CloseNormal, ""))...)); err != nil {
		t.Fatal(err)
	}
	expectFrame(t, peers[0], first)
	if op := expectFrame(t, peers[0], nil); op != ws.OpClose {
		t.Errorf("got %v, want a close frame", op)
	}
	if err := peers[0].Close(); err != nil {
		t.Fatal(err)
	}
	awaitClosed(t, &clients[0].echoClient)
}

func awaitClosed(t *testing.T, client *echoClient) {
	t.Helper()
	select {
	case <-client.closed:
	case <-time.After(testkit.Timeout):
		t.Fatal("the connection was not closed")
	}
}

// A connection that is closed while its message is inflated gets its close frame at once, and its end is noticed.
func TestACloseEndsAnInflation(t *testing.T) {
	for _, by := range []string{"server", "peer", "budget"} {
		t.Run(by, func(t *testing.T) {
			e, clients, peers := inLoopPairs(t, Config{MaxUnsent: 64 << 20}, 1)
			c := &clients[0].conn
			payload := literals(400 << 10)
			message := deflateFrame(t, payload, flate.HuffmanOnly)
			onPoller(e, func(rd *reader) {
				if c.Take(message, e.Clock.Now()); !c.Is(inflating) {
					t.Fatal("the message is inflated at once")
				}
				switch by {
				case "server":
					c.Close(ClosedByAdmin, ws.CloseNormal, "done")
				case "peer":
					if err := peers[0].CloseWrite(); err != nil {
						t.Fatal(err)
					}
					rd.loop.Read(c) // as the event of the socket does, which has no effect
					c.Close(ClosedByAdmin, ws.CloseNormal, "done")
				case "budget":
					e.Unfinished.Most = 1000
				}
			})
			if by != "peer" { // its end has closed the connection
				if op := expectFrame(t, peers[0], nil); op != ws.OpClose {
					t.Fatalf("got %v, want a close frame", op)
				}
			}
			if err := peers[0].Close(); err != nil {
				t.Fatal(err)
			}
			awaitClosed(t, &clients[0].echoClient)
			onPoller(e, func(rd *reader) {
				if len(rd.inflating) > 0 || len(*clients[0].all) > 0 {
					t.Errorf("got %d inflations and %d messages, want none", len(rd.inflating), len(*clients[0].all))
				}
			})
			if n, bytes := e.Unfinished.Size(); n != 0 || bytes != 0 {
				t.Errorf("got %d unfinished messages of %d bytes, want none", n, bytes)
			}
		})
	}
}
