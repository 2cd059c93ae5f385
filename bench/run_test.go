package bench

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// echoRoom is a broadcast server: one room, with one order. lie may change what one member receives instead of message n of the room; nil
// changes nothing.
type echoRoom struct {
	t   *testing.T
	lie func(member, n int, message []byte) [][]byte

	mu      sync.Mutex
	members []chan []byte
	heard   int
	pending map[int][]byte // by member: a message held back to swap it with the next
}

func startRoom(t *testing.T, lie func(*echoRoom, int, int, []byte) [][]byte) string {
	r := &echoRoom{t: t, pending: map[int][]byte{}}
	if lie != nil {
		r.lie = func(member, n int, message []byte) [][]byte { return lie(r, member, n, message) }
	}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/ws"
}

func (r *echoRoom) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	queue := make(chan []byte, 4096)
	r.members = append(r.members, queue)
	r.mu.Unlock()
	c, err := websocket.Accept(w, q, nil)
	if err != nil {
		r.t.Errorf("accept: %v", err)
		return
	}
	defer c.CloseNow()
	defer func() { // its queue has no reader any more
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range r.members {
			if r.members[i] == queue {
				r.members[i] = nil
			}
		}
	}()
	c.SetReadLimit(-1)
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		for {
			select {
			case m := <-queue:
				if err := c.Write(ctx, websocket.MessageText, m); err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	defer cancel()
	for {
		_, m, err := c.Read(ctx)
		if err != nil {
			return
		}
		r.say(m)
	}
}

func (r *echoRoom) say(m []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, queue := range r.members {
		out := [][]byte{m}
		if r.lie != nil {
			out = r.lie(i, r.heard, m)
		}
		for _, m := range out {
			if queue != nil {
				queue <- m
			}
		}
	}
	r.heard++
}

func testConfig(url string) Config {
	cfg := DefaultConfig(Broadcast)
	cfg.URLs = []string{url}
	cfg.Connections = 50
	cfg.Rate = 400
	cfg.Duration = 500 * time.Millisecond
	cfg.Auto, cfg.Warmup = false, 100*time.Millisecond
	cfg.Drain = 10 * time.Second // for a slow machine; the drain ends when everything has arrived
	cfg.Floor = false
	cfg.here = true
	return cfg
}

func mustRun(t *testing.T, cfg Config) *result.Result {
	t.Helper()
	r, err := Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// good reports whether all messages were delivered. It ignores verdicts that a busy machine causes.
func good(r *result.Result) bool {
	return r.Verdict.Code != result.None && r.Verdict.Code != result.Broken && !r.Delivery.Any() && r.Delivery.Closed == 0
}

func TestEverythingIsDelivered(t *testing.T) {
	t.Parallel()
	for _, size := range []int{agent.StampSize, 128, 40_000} {
		cfg := testConfig(startRoom(t, nil))
		cfg.Size, cfg.Drain, cfg.Pollers = size, 10*time.Second, 2
		if size > 32<<10 {
			cfg.Rate = 50
		}
		r := mustRun(t, cfg)
		messages := uint64(cfg.Rate) * uint64(cfg.Duration+cfg.Warmup) / uint64(time.Second)
		if r.Sent.Messages != messages || r.Delivery.Got != 50*messages || r.Delivery.Expected != 50*messages {
			t.Errorf("%d bytes: got %d sent, %d of %d delivered, want %d and %d", size, r.Sent.Messages, r.Delivery.Got,
				r.Delivery.Expected, messages, 50*messages)
		}
		if !good(r) || r.Latency.Each == nil || r.Latency.Each.Max <= 0 || r.Connect.Opened != 50 {
			t.Errorf("%d bytes: got %+v", size, r.Verdict)
		}
		if l := r.Latency.Each; l != nil && l.Count != 50*messages {
			t.Errorf("%d bytes: %d deliveries measured, want %d", size, l.Count, 50*messages)
		}
	}
}

func TestLyingServerIsCaught(t *testing.T) {
	for _, tt := range []struct {
		name string
		lie  func(r *echoRoom, member, n int, m []byte) [][]byte
		want result.Faults
	}{
		{
			name: "it loses one message for one member",
			lie: func(_ *echoRoom, member, n int, m []byte) [][]byte {
				if member == 20 && n == 100 {
					return nil
				}
				return [][]byte{m}
			},
			want: result.Faults{Lost: 1},
		},
		{
			name: "it loses the last message for all members",
			lie: func(_ *echoRoom, _, n int, m []byte) [][]byte {
				if n == 239 {
					return nil
				}
				return [][]byte{m}
			},
			want: result.Faults{Lost: 50},
		},
		{
			name: "it duplicates one message for one member",
			lie: func(_ *echoRoom, member, n int, m []byte) [][]byte {
				if member == 20 && n == 100 {
					return [][]byte{m, m}
				}
				return [][]byte{m}
			},
			want: result.Faults{Duplicated: 1},
		},
		{
			name: "it swaps two messages for one member",
			lie: func(r *echoRoom, member, n int, m []byte) [][]byte {
				switch {
				case member == 20 && n == 100:
					r.pending[member] = m
					return nil
				case member == 20 && n == 101:
					return [][]byte{m, r.pending[member]}
				}
				return [][]byte{m}
			},
			want: result.Faults{Reordered: 1},
		},
		{
			name: "it alters one byte for one member",
			lie: func(_ *echoRoom, member, n int, m []byte) [][]byte {
				if member == 20 && n == 100 {
					m = bytes.Clone(m)
					m[90] ^= 1
				}
				return [][]byte{m}
			},
			want: result.Faults{Corrupt: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, testConfig(startRoom(t, tt.lie)))
			if got := r.Delivery.Faults; got != tt.want || r.Verdict.Code != result.Broken || r.Verdict.OK {
				t.Errorf("got %+v, %+v, want %+v; %+v", got, r.Verdict, tt.want, r.Delivery.Samples)
			}
			if len(r.Delivery.Samples) == 0 {
				t.Error("got no sample")
			}
		})
	}
}

func TestServerWithoutAnEcho(t *testing.T) {
	t.Parallel()
	url := startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 0 { // the only publisher
			return nil
		}
		return [][]byte{m}
	})
	cfg := testConfig(url)
	cfg.Publishers, cfg.Dials, cfg.NoEcho = 1, 1, true
	if r := mustRun(t, cfg); !good(r) || r.Delivery.Expected != 49*240 {
		t.Errorf("got %+v", r.Delivery)
	}
}

func idleConfig(url string) Config {
	cfg := testConfig(url)
	cfg.Scenario, cfg.Rate = Idle, 0
	return cfg
}

func TestIdleConnectionsAreHeld(t *testing.T) {
	t.Parallel()
	cfg := idleConfig(startRoom(t, nil))
	cfg.Rate = 40
	if r := mustRun(t, cfg); !good(r) || r.Connect.Opened != 50 || r.Latency.Each != nil || r.Latency.Ping == nil || r.Latency.Ping.Count == 0 {
		t.Errorf("got %+v, %+v", r.Verdict, r.Latency)
	}
}

func TestInterruptGivesThePartialResult(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, nil))
	cfg.Duration, cfg.Drain = time.Hour, 10*time.Second
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, cfg, func(p Progress) {
		if p.Deliveries > 0 {
			cancel()
		}
	})
	if err != nil || !r.Interrupted || r.Verdict.OK || r.Delivery.Any() || r.Delivery.Got == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// hostile starts a server that reads the request of each connection and then calls answer.
func hostile(t *testing.T, answer func(c net.Conn, key string)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() {
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				answer(c, r.Header.Get("Sec-WebSocket-Key"))
				_, _ = io.Copy(io.Discard, c) // until the client closes
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "ws://" + ln.Addr().String() + "/"
}

func writer(t *testing.T, parts ...[]byte) func(net.Conn, string) {
	return func(c net.Conn, key string) {
		// In one write, so that the client receives all of it together.
		if _, err := c.Write(slices.Concat(append([][]byte{ws.SwitchingProtocols(key, "")}, parts...)...)); err != nil {
			t.Logf("hostile server: %v", err)
		}
	}
}

func TestFailedHandshakesAreNamed(t *testing.T) {
	text := func(s string) func(net.Conn, string) {
		return func(c net.Conn, _ string) { _, _ = io.WriteString(c, s) }
	}
	for _, tt := range []struct {
		name   string
		answer func(net.Conn, string)
		want   string
	}{
		{name: "a status", answer: text("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), want: "HTTP 503 Service Unavailable"},
		{name: "no HTTP", answer: text("SSH-2.0-OpenSSH_9\r\n\r\n"), want: "is not HTTP"},
		{name: "an endless head", answer: text("HTTP/1.1 101 x\r\nX: " + strings.Repeat("x", 10_000)), want: "bytes"},
		{name: "a wrong proof", answer: func(c net.Conn, key string) { _, _ = c.Write(ws.SwitchingProtocols("x"+key, "")) }, want: "invalid handshake response"},
		{name: "silence", answer: func(net.Conn, string) {}, want: "timeout"},
		{name: "a closed connection", answer: func(c net.Conn, _ string) { _ = c.Close() }, want: "closed during the handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(hostile(t, tt.answer))
			cfg.Connections, cfg.DialTimeout = 3, 30*time.Second
			if tt.want == "timeout" {
				cfg.DialTimeout = 100 * time.Millisecond
			}
			r, err := Run(t.Context(), cfg, nil)
			if r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want an error with %q", r, err, tt.want)
			}
		})
	}
}

func TestBadFramesCloseTheirConnection(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{name: "masked", bytes: ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte("x")), want: "bad frame: "},
		{name: "a reserved bit", bytes: []byte{0xC1, 0}, want: "bad frame: "},
		{name: "too big", bytes: []byte{0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0}, want: "bad frame: "},
		{name: "not UTF-8", bytes: []byte{0x81, 1, 0xFF}, want: "bad frame: "},
		{name: "a close of one byte", bytes: []byte{0x88, 1, 3}, want: "bad frame: "},
		{name: "a close", bytes: ws.AppendFrame(nil, ws.OpClose, ws.ClosePayload(ws.CloseTryLater, "too many")), want: "close 1013 too many"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := idleConfig(hostile(t, writer(t, tt.bytes)))
			cfg.Connections, cfg.Duration = 3, 300*time.Millisecond
			r := mustRun(t, cfg)
			if r.Verdict.Code != result.Broken || r.Delivery.Closed != 3 || !strings.Contains(result.Counts(r.Delivery.Closes), tt.want) {
				t.Errorf("got %d closed: %v, want 3 with %q", r.Delivery.Closed, r.Delivery.Closes, tt.want)
			}
		})
	}
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	got := make(chan ws.Message, 1)
	url := hostile(t, func(c net.Conn, key string) {
		_, _ = c.Write(append(ws.SwitchingProtocols(key, ""), ws.AppendFrame(nil, ws.OpPing, []byte("you?"))...))
		var d ws.Decoder
		rules := ws.Rules{MaxMessage: 1000, MaxFragments: 1}
		b := make([]byte, 1000)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			m, _, err := d.Next(&rules, b[:n])
			if err != nil || m.Op != ws.OpContinuation {
				got <- ws.Message{Op: m.Op, Payload: bytes.Clone(m.Payload)}
				return
			}
		}
	})
	cfg := idleConfig(url)
	cfg.Connections, cfg.Duration = 1, 200*time.Millisecond
	if r := mustRun(t, cfg); r.Delivery.Pings != 1 {
		t.Errorf("got %d pings, want 1", r.Delivery.Pings)
	}
	if m := <-got; m.Op != ws.OpPong || string(m.Payload) != "you?" {
		t.Errorf("got %v %q, want the pong", m.Op, m.Payload)
	}
}

func TestConnectionRefusedIsReported(t *testing.T) {
	// A port outside the ephemeral range. Otherwise the dial could connect to itself.
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), testConfig("ws://"+address), nil)
	if err == nil || !strings.Contains(err.Error(), "no server listens") {
		t.Errorf("got %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"size = 10":             func(c *Config) { c.Size = 10 },
		"connections = 0":       func(c *Config) { c.Connections = 0 },
		"rate = -1":             func(c *Config) { c.Rate = -1 },
		"rate = 0":              func(c *Config) { c.Rate = 0 },
		"rooms = 51":            func(c *Config) { c.Rooms = 51 },
		"publishers = 51":       func(c *Config) { c.Publishers = 51 },
		"publishers = 50":       func(c *Config) { c.Churn = 0.1 },
		"kill = 1.5":            func(c *Config) { c.Kill = 1.5 },
		"kill = 1%":             func(c *Config) { c.Scenario, c.Kill, c.Publishers = Storm, 0.01, 10 },
		"slow = 0%":             func(c *Config) { c.Scenario, c.Publishers = Slow, 10 },
		"appears twice":         func(c *Config) { c.Remote, c.Token = []string{"example.org:1", "example.org:1"}, "t" },
		"by = \"axe\"":          func(c *Config) { c.By = "axe" },
		"closed = 5":            func(c *Config) { c.Closed, c.Poisson = 5, true },
		"the agents need a tok": func(c *Config) { c.Remote = []string{"example.org:1"} },
		"TLS":                   func(c *Config) { c.URLs = []string{"wss://example.org/"} },
	} {
		cfg := testConfig("ws://127.0.0.1:1/ws")
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
	for _, scenario := range Scenarios {
		cfg := DefaultConfig(scenario)
		cfg.URLs = []string{"127.0.0.1:1"}
		if err := cfg.Validate(); err != nil {
			t.Errorf("the defaults of %s: %v", scenario, err)
		}
	}
}

func TestResultIsWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	r := mustRun(t, testConfig(startRoom(t, nil)))
	var file bytes.Buffer
	if err := r.Write(&file); err != nil {
		t.Fatal(err)
	}
	back, err := result.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if back.Delivery.Expected != 12_000 || back.Verdict.Code != r.Verdict.Code || len(back.Series) != len(r.Series) {
		t.Errorf("got %+v, want %+v", back, r)
	}
}
