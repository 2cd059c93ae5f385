package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

func TestEveryMemberReceivesEveryMessage(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	a, b, other := dial(t, s, "tea"), dial(t, s, "tea"), dial(t, s, "coffee")
	big := strings.Repeat("x", 64<<10)
	for _, m := range []ws.Message{
		{Op: ws.OpText, Payload: []byte("good morning")},
		{Op: ws.OpBinary, Payload: []byte{0, 1, 0xFF, 0x80}},
		{Op: ws.OpText},
		{Op: ws.OpText, Payload: []byte("héllo wörld 你好 🎉")},
		{Op: ws.OpBinary, Payload: []byte(big)},
	} {
		a.send(m.Op, string(m.Payload))
		a.expect(m.Op, string(m.Payload))
		b.expect(m.Op, string(m.Payload))
	}
	other.send(ws.OpText, "only us")
	other.expect(ws.OpText, "only us")
}

func TestFragmentsArriveAsOneMessage(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	c := dial(t, s, "lobby")
	// "hello" in two fragments, with a ping between them: RFC 6455, 5.4.
	first := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("hel"))
	first[0] &^= 0x80
	c.write(first)
	c.send(ws.OpPing, "are you there")
	c.expect(ws.OpPong, "are you there")
	c.send(ws.OpContinuation, "lo")
	c.expect(ws.OpText, "hello")
}

func TestAnotherImplementationIsCompatible(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	ours := dial(t, s, "lobby")
	theirs, _, err := websocket.Dial(ctx, "ws://"+s.Addr().String()+"/ws", &websocket.DialOptions{HTTPClient: publicHTTP})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.CloseNow()
	if err := theirs.Write(ctx, websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	ours.expect(ws.OpText, "hi")
	if kind, got, err := theirs.Read(ctx); err != nil || kind != websocket.MessageText || string(got) != "hi" {
		t.Fatalf("got %v %q, %v; want text hi", kind, got, err)
	}
	if err := theirs.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Fatalf("close handshake: %v", err)
	}
}

// With many publishers at once, all members receive the same sequence, and the messages of each publisher in the order of sending.
func TestOneOrderForAll(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	const members, messages = 24, 200
	clients := make([]*client, members)
	for i := range clients {
		clients[i] = dial(t, s, "busy")
	}
	heard := make([][]string, members)
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			for n := range messages {
				c.send(ws.OpText, fmt.Sprintf("%d %d", i, n))
			}
		})
		all.Go(func() {
			for range members * messages {
				m, err := c.nextExceptPings()
				if err != nil {
					t.Errorf("member %d after %d messages: %v", i, len(heard[i]), err)
					return
				}
				heard[i] = append(heard[i], string(m.Payload))
			}
		})
	}
	all.Wait()
	next := make([]int, members)
	for at, m := range heard[0] {
		var talker, n int
		if _, err := fmt.Sscan(m, &talker, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[talker] {
			t.Fatalf("at %d: publisher %d: got message %d, want %d", at, talker, n, next[talker])
		}
		next[talker]++
	}
	for i := range heard {
		for at := range heard[0] {
			if at >= len(heard[i]) || heard[i][at] != heard[0][at] {
				t.Fatalf("member %d differs from member 0 at message %d", i, at)
			}
		}
	}
}

// A client receives every message published after its 101 response, once.
func TestANewMemberMissesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	talker := dial(t, s, "lobby")
	for round := range 200 {
		newcomer := dial(t, s, "lobby")
		want := fmt.Sprintf("after your 101, %d", round)
		talker.send(ws.OpText, want)
		newcomer.expect(ws.OpText, want)
		talker.expect(ws.OpText, want)
		newcomer.conn.Close()
	}
}

// A new member of a busy room receives a sequence without a gap, from its first message on.
func TestANewMemberOfABusyRoomGetsNoGap(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	talker := dial(t, s, "lobby")
	stop := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				talker.send(ws.OpText, fmt.Sprint(n))
				talker.expect(ws.OpText, fmt.Sprint(n))
			}
		}
	})
	defer talking.Wait()
	defer close(stop)
	for range 100 {
		c := dial(t, s, "lobby")
		var last int
		for i := range 20 {
			m, err := c.nextExceptPings()
			if err != nil {
				t.Error(err)
				return
			}
			var n int
			if _, err := fmt.Sscan(string(m.Payload), &n); err != nil {
				t.Error(err)
				return
			}
			if i > 0 && n != last+1 {
				t.Errorf("got %d behind %d", n, last)
				return
			}
			last = n
		}
		c.conn.Close()
	}
}

func TestMessagesSentWithTheHandshakeAreHandled(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn}
	hasty := []byte(upgradeRequest("localhost", "/ws"))
	hasty = ws.AppendMaskedFrame(hasty, ws.OpText, 1, []byte("in a hurry"))
	c.write(hasty)
	c.expectUpgrade()
	c.expect(ws.OpText, "in a hurry")
}

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
	if heard != 20 {
		t.Errorf("got %d messages delivered, want the burst of 20", heard)
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

func TestAShutdownSendsACloseToEveryClient(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Drain = "127.0.0.1:0", "off", testTimeout
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	clients := make([]*client, 50)
	for i := range clients {
		clients[i] = dial(t, s, "lobby")
	}
	clients[0].send(ws.OpText, "last words")
	clients[0].expect(ws.OpText, "last words")
	stop()
	for i, c := range clients {
		if i > 0 {
			c.expect(ws.OpText, "last words")
		}
		c.expectCloseCode(ws.CloseRestart)
		c.conn.Close()
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(testTimeout):
		t.Fatal("the server did not stop")
	}
	if _, err := dialPublic(&net.Dialer{}, s.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}

func TestTheDrainHasATimeout(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Drain = "127.0.0.1:0", "off", 300*time.Millisecond
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	silent := dial(t, s, "lobby")
	start := time.Now()
	stop()
	select {
	case <-done:
	case <-time.After(testTimeout):
		t.Fatal("the server still waits for a client that never closes")
	}
	if took := time.Since(start); took >= fanout.CloseTimeout {
		t.Errorf("took %v, want it to end after the drain time of %v", took, cfg.Drain)
	}
	if _, err := io.ReadAll(silent.conn); err != nil {
		t.Logf("the client sees: %v", err)
	}
}

// A connection that reaches its shard after the drain began gets a close frame, too.
func TestAConnectionDuringTheDrainGetsAClose(t *testing.T) {
	s := startServer(t, nil)
	ours, theirs := testkit.Pipe(t)
	t.Cleanup(func() { theirs.Close() })
	s.sessions.Reserve()
	s.sessions.Draining.Store(true)
	s.sessions.CloseAll()
	plain.Open(s.sessions.Hub, plain.Opening{Transport: netpoll.OverTCP(socketOf(t, ours)), Room: "lobby", Hello: []byte("hello")})
	c := &client{t: t, conn: theirs, reader: bufio.NewReader(theirs)}
	c.deadline()
	hello := make([]byte, len("hello"))
	if _, err := io.ReadFull(c.reader, hello); err != nil || string(hello) != "hello" {
		t.Fatalf("got %q, %v", hello, err)
	}
	c.expectCloseCode(ws.CloseRestart)
}

func TestAServerMayStopAsSoonAsItHasStarted(t *testing.T) {
	t.Parallel()
	for range 30 {
		cfg := DefaultConfig()
		cfg.Listen, cfg.Admin = "127.0.0.1:0", "off"
		s, err := New(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		stop()
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(testTimeout):
			t.Fatal("the server did not stop")
		}
	}
}

// The shards to wake are the bits of one word. With more shards than bits, some would never wake.
func TestManyCoresMakeNoMoreShardsThanCanBeWoken(t *testing.T) {
	for _, tt := range []struct{ cores, want int }{{1, 1}, {2, 2}, {64, 64}, {65, 64}, {256, 64}} {
		if got := shardCount(tt.cores); got != tt.want {
			t.Errorf("%d cores: got %d shards, want %d", tt.cores, got, tt.want)
		}
	}
	h := newHub(DefaultConfig(), slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, shardCount(256))
	r := chat.NewRoom(h.Rooms.StripeOf("lobby"), "lobby", h.OptionsOf("lobby"), len(h.Shards))
	for _, s := range h.Shards {
		r.TopicLocked(s, chat.PlainFormat).Members = 1
		r.Members++
	}
	h.PublishPlain(r, ws.OpText, []byte("x"))
	for i, s := range h.Shards {
		if len(s.Wakeup) != 1 {
			t.Errorf("shard %d has a job and was not woken", i)
		}
	}
}
