package server

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// patience is how long a test waits for what must come. It is a deadline, not a measure.
const patience = time.Minute

func TestMain(m *testing.M) {
	if job := os.Getenv(crowdEnv); job != "" {
		os.Exit(crowd(job))
	}
	waitTogether()
	os.Exit(m.Run())
}

// waitTogether lets more parallel tests run at once than there are cores, as most of them wait. -parallel overrides it. Tests that
// measure the process (goroutines, memory, allocations), or gather a crowd, are not parallel: they run while no other does.
func waitTogether() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", fmt.Sprint(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
}

// startServer runs a server on a free port until the test ends. Changes are made to a config without rate limits.
func startServer(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	return startPrepared(t, change, func(*Server) {})
}

// startPrepared is startServer with changes to the server before it runs.
func startPrepared(t testing.TB, change func(*Config), prepare func(*Server)) *Server {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Rate, cfg.RateBytes, cfg.Drain = "127.0.0.1:0", "127.0.0.1:0", 0, 0, 2*time.Second
	cfg.PingInterval = time.Hour // these clients do not answer unless they are told to
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	prepare(s)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the server did not stop")
		}
	})
	eventually(t, "the server to answer", func() bool {
		resp, err := http.Get("http://" + s.AdminAddr().String() + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("log: %s", strings.TrimSpace(string(b)))
	return len(b), nil
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// client is a WebSocket client that hides nothing: what it sends and gets are frames.
type client struct {
	t       testing.TB
	conn    net.Conn
	reader  *bufio.Reader
	decoder ws.Decoder
	rest    []byte
	buf     [64 << 10]byte
}

var clientRules = ws.Rules{MaxMessage: 16 << 20, MaxFragments: 1, FromServer: true}

func upgradeRequest(host, path string) string {
	key := make([]byte, 16)
	for i := range key {
		key[i] = byte(rand.Uint32())
	}
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
		path, host, base64.StdEncoding.EncodeToString(key))
}

// dial joins a room.
func dial(t testing.TB, s *Server, room string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	c.write([]byte(upgradeRequest(s.Addr().String(), "/ws?room="+url.QueryEscape(room))))
	c.switched()
	return c
}

// switched reads the 101.
func (c *client) switched() {
	c.t.Helper()
	c.deadline()
	c.reader = bufio.NewReader(c.conn)
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.t.Fatalf("answer to the handshake: %v", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("got %s, want 101", resp.Status)
	}
}

func (c *client) deadline() {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Error(err)
	}
}

func (c *client) write(b []byte) {
	c.t.Helper()
	c.deadline()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c *client) send(op ws.Opcode, payload string) {
	c.t.Helper()
	c.write(ws.AppendMaskedFrame(nil, op, rand.Uint32(), []byte(payload)))
}

// next is the next message or control frame; io.EOF at the end of TCP.
func (c *client) next() (ws.Message, error) {
	c.deadline()
	for {
		m, rest, err := c.decoder.Next(&clientRules, c.rest)
		if err != nil {
			return m, err
		}
		if m.Op != ws.OpContinuation {
			m.Payload = append([]byte(nil), m.Payload...)
			c.rest = rest
			return m, nil
		}
		n, err := c.reader.Read(c.buf[:])
		if err != nil {
			return m, err
		}
		c.rest = c.buf[:n]
	}
}

// nextButPings is the next message that is no ping. Pings are answered: where the machine is slow a test lasts longer than
// whoever does not answer.
func (c *client) nextButPings() (ws.Message, error) {
	for {
		m, err := c.next()
		if err != nil || m.Op != ws.OpPing {
			return m, err
		}
		c.send(ws.OpPong, string(m.Payload))
	}
}

// hear wants the next message to be this one.
func (c *client) hear(op ws.Opcode, payload string) {
	c.t.Helper()
	next := c.nextButPings
	if op == ws.OpPing {
		next = c.next
	}
	m, err := next()
	if err != nil {
		c.t.Fatalf("got %v, want message %.40q", err, payload)
	}
	if m.Op != op || string(m.Payload) != payload {
		c.t.Fatalf("got %v %.40q, want %v %.40q", m.Op, m.Payload, op, payload)
	}
}

// closed wants a close frame with this code, then the end of TCP.
func (c *client) closed(code ws.CloseCode) {
	c.t.Helper()
	c.closedBy(code, "")
}

// closedBy wants a close frame with this code and, unless it is empty, this reason, then the end of TCP.
func (c *client) closedBy(code ws.CloseCode, text string) {
	c.t.Helper()
	m, err := c.nextButPings()
	if err != nil || m.Op != ws.OpClose {
		c.t.Fatalf("got %v %.60q, %v; want close %d", m.Op, m.Payload, err, code)
	}
	got, reason, err := ws.ParseClose(m.Payload)
	if err != nil || got != code || text != "" && reason != text {
		c.t.Fatalf("got close %d %q (%v), want %d %q", got, reason, err, code, text)
	}
	if m, err := c.next(); !errors.Is(err, io.EOF) {
		c.t.Fatalf("behind the close frame: got %v %.40q, %v; want the end of TCP", m.Op, m.Payload, err)
	}
}

// value is a counter or gauge as /metrics shows it.
func value(t testing.TB, s *Server, name string, label string) float64 {
	t.Helper()
	families, err := s.metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label != "" && m.GetLabel()[0].GetValue() != label {
				continue
			}
			if m.GetGauge() != nil {
				return m.GetGauge().GetValue()
			}
			return m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s %s", name, label)
	return 0
}

// countRounds waits until the rounds that are under way have been counted: a shard counts behind its writes, so that what it wrote may
// be heard before.
func countRounds(s *Server) { s.hub.Call(func(*fanout.Shard) {}) }

func closesBy(s *Server, r fanout.Reason) int { return int(testutil.ToFloat64(s.metrics.Closes[r])) }

// roomOf is a room that has a member.
func roomOf(s *Server, name string) *chat.Room {
	r, unlock := s.hub.Rooms.Find(name)
	defer unlock()
	return r
}

// change does something to a server that runs. Connections that come later find it done.
func change(s *Server, do func()) {
	for _, sh := range s.hub.Shards {
		sh.Mu.Lock()
		defer sh.Mu.Unlock()
	}
	do()
}

// asNB is a socket as the loop has them.
func asNB(t testing.TB, conn net.Conn) *netpoll.Socket {
	t.Helper()
	nc, err := netpoll.FromTCP(conn.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	return nc
}
