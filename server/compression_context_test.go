package server

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/ws"
)

// keeper is a client that keeps the window of its inflater, the standard library's, from one message to the next.
type keeper struct {
	*client
	window     []byte
	bytes      int // of the payloads as they came
	compressed int // messages
}

func dialKeeper(t testing.TB, s *Server, room string) *keeper {
	t.Helper()
	return &keeper{client: dialDeflateRoom(t, s, room)}
}

// expectText fails the test unless the next message is this text.
func (k *keeper) expectText(want string) {
	k.t.Helper()
	m, err := k.nextExceptPings()
	if err != nil {
		k.t.Fatalf("got %v, want message %.40q", err, want)
	}
	got := k.read(m)
	if m.Op != ws.OpText || got != want {
		k.t.Fatalf("got %v %.60q (%d bytes), want %.60q", m.Op, got, len(got), want)
	}
}

// read returns the text of a message, and keeps it for the next ones.
func (k *keeper) read(m ws.Message) string {
	k.t.Helper()
	k.bytes += len(m.Payload)
	if !m.Compressed {
		return string(m.Payload)
	}
	k.compressed++
	b, err := io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(m.Payload), strings.NewReader(deflateTail+"\x01\x00\x00\xff\xff")), k.window))
	if err != nil {
		k.t.Fatalf("compressed message %d does not inflate: %v", k.compressed, err)
	}
	k.window = append(k.window, b...)
	k.window = k.window[max(0, len(k.window)-32<<10):]
	return string(b)
}

// chatJSON is a message of about n bytes, as a chat application sends it.
func chatJSON(i, n int) string {
	words := strings.Fields("hello everyone the deploy of today is done please look at the dashboard before lunch because we have seen errors " +
		"in the payment service again and somebody must restart it thanks great idea tomorrow meeting coffee review merge branch release")
	r := rand.New(rand.NewPCG(uint64(i), 11))
	b := fmt.Appendf(nil, `{"id":"%016x","at":%d,"user":{"id":"%d","name":"User %d","avatar":"https://cdn.example.com/avatars/%d.png"},"text":"`,
		r.Uint64(), 1764380000000+i, r.IntN(1000), r.IntN(1000), r.IntN(1000))
	for len(b) < n-2 {
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
	}
	return string(append(b[:n-2], `"}`...))
}

// Members of a room that inflate with what came before need less than half of the bytes, and those without it get the same messages.
func TestARoomWithAContext(t *testing.T) {
	t.Parallel()
	for _, size := range []int{350, 1000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := startServer(t, func(c *Config) { c.Rate = 0 })
			var keepers, late []*keeper
			for range 5 * len(s.sessions.Shards) {
				keepers = append(keepers, dialKeeper(t, s, "x"))
			}
			var others []*client
			for range 2 * len(s.sessions.Shards) {
				others = append(others, dial(t, s, "x"), dialDeflate(t, s, "/ws?room=x", "permessage-deflate; server_no_context_takeover"))
			}
			const messages = 400
			for i := range messages {
				if i%50 == 25 {
					late = append(late, dialKeeper(t, s, "x"))
				}
				text := chatJSON(i, size)
				keepers[0].send(ws.OpText, text)
				for _, k := range append(keepers, late...) {
					k.expectText(text)
				}
				for j, c := range others {
					c.expectAs(text, j%2 == 1)
				}
			}
			for i, k := range keepers {
				if ratio := float64(k.bytes) / (messages * float64(size)); ratio > 0.45 || k.compressed < messages {
					t.Errorf("member %d: got %.3f of the bytes, %d of %d messages compressed; want 0.45 at most, and all", i, ratio, k.compressed, messages)
				}
			}
			if testutil.ToFloat64(s.metrics.CompressionShared) == 0 {
				t.Error("got no message with a context")
			}
		})
	}
}

// A client whose window has 4 KiB, as that of websockets for Python, gets a context that fits.
func TestAContextInASmallWindow(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var members []*keeper
	for range 5 * len(s.sessions.Shards) {
		members = append(members, &keeper{client: dialDeflate(t, s, "/ws?room=x", "permessage-deflate; server_max_window_bits=12")})
	}
	for i := range 60 {
		text := chatJSON(i, 200+100*(i%30))
		members[0].send(ws.OpText, text)
		for _, k := range members {
			k.window = k.window[min(max(0, len(k.window)+len(text)-1<<12), len(k.window)):]
			k.expectText(text)
		}
	}
	if testutil.ToFloat64(s.metrics.CompressionShared) == 0 {
		t.Error("got no message with a context")
	}
}

// The context of another implementation is right, with members that join later.
func TestAnotherImplementationWithAContext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		mode   websocket.CompressionMode
		shares bool
	}{
		{"context takeover", websocket.CompressionContextTakeover, true},
		{"no context takeover", websocket.CompressionNoContextTakeover, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			var clients []*websocket.Conn
			join := func(ctx context.Context) {
				c, _, err := websocket.Dial(ctx, "ws://"+s.Addr().String()+"/ws", &websocket.DialOptions{CompressionMode: tt.mode, CompressionThreshold: 1})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.CloseNow() })
				c.SetReadLimit(1 << 20)
				clients = append(clients, c)
			}
			for range 5 * len(s.sessions.Shards) {
				join(t.Context())
			}
			for i := range 80 {
				ctx, cancel := context.WithTimeout(t.Context(), testTimeout) // for each message: all of them take long on a busy machine
				if i%9 == 8 {
					join(ctx)
				}
				want := chatJSON(i, 200+[]int{0, 100, 300, 1000, 4000, 9000}[i%6])
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
			if got := testutil.ToFloat64(s.metrics.CompressionShared) > 0; got != tt.shares {
				t.Errorf("got messages with a context: %v, want %v", got, tt.shares)
			}
		})
	}
}
