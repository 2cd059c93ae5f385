package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
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

// Another implementation, as a client with each of its modes.
func TestAnotherImplementationWithCompression(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		mode websocket.CompressionMode
	}{
		{"context takeover", websocket.CompressionContextTakeover},
		{"no context takeover", websocket.CompressionNoContextTakeover},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			var clients []*websocket.Conn
			for range 2 * len(s.sessions.Shards) {
				c, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String()+"/ws", &websocket.DialOptions{HTTPClient: publicHTTP, CompressionMode: tt.mode, CompressionThreshold: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer c.CloseNow()
				c.SetReadLimit(1 << 20)
				clients = append(clients, c)
			}
			for i := range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), testTimeout) // for each message: all of them take long on a busy machine
				want := fmt.Sprint(i, chatText(10+100*i))
				if err := clients[i%len(clients)].Write(ctx, websocket.MessageText, []byte(want)); err != nil {
					t.Fatal(err)
				}
				for _, c := range clients {
					if _, got, err := c.Read(ctx); err != nil || string(got) != want {
						t.Fatalf("message %d: got %.40q, %v; want %.40q", i, got, err, want)
					}
				}
				cancel()
			}
			if in, out := testutil.ToFloat64(s.metrics.InflateInput), testutil.ToFloat64(s.metrics.InflateOutput); in == 0 || out < 2*in {
				t.Errorf("got %v bytes inflated to %v, want at least twice as many", in, out)
			}
			if got := testutil.ToFloat64(s.metrics.CompressionInput); got == 0 {
				t.Error("got no message compressed")
			}
		})
	}
}
