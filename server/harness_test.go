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
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

const testTimeout = testkit.Timeout

var eventually = testkit.Eventually

func TestMain(m *testing.M) {
	if job := os.Getenv(crowdEnv); job != "" {
		os.Exit(crowd(job))
	}
	waitTogether()
	os.Exit(m.Run())
}

// waitTogether runs more parallel tests at once than there are cores, because most of them wait. -parallel overrides it. Tests that measure
// the process (goroutines, memory, allocations) or open many connections are not parallel: they run while no other test runs.
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

// startServer runs a server on a free port until the test ends. Its config has no rate limits; change may change it.
func startServer(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	return startPrepared(t, change, func(*Server) {})
}

// startPrepared is startServer, and calls prepare before the server runs.
func startPrepared(t testing.TB, change func(*Config), prepare func(*Server)) *Server {
	t.Helper()
	return startLogging(t, logTo{t}, change, prepare)
}

// startLogging is startPrepared, with a log of warnings and errors.
func startLogging(t testing.TB, log io.Writer, change func(*Config), prepare func(*Server)) *Server {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Admin, cfg.Rate, cfg.RateBytes, cfg.Drain = "127.0.0.1:0", "127.0.0.1:0", 0, 0, 2*time.Second
	cfg.PingInterval = time.Hour // the clients of most tests send no pongs
	if change != nil {
		change(&cfg)
	}
	prepareTLS(t, &cfg)
	s, err := New(cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	var plainPort string
	if overTLS != "" && cfg.Listen != "off" {
		plainPort = s.Addr().String()
		tlsPorts.Store(plainPort, s.TLSAddr().String())
	}
	prepare(s)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		tlsPorts.Delete(plainPort) // any server of a later test may get that port
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(testTimeout):
			t.Error("the server did not stop")
		}
	})
	if s.cfg.TLS.Admin || isUnix(s.cfg.Admin) {
		return s // its clients may need a certificate, and others need a path
	}
	eventually(t, "the server to answer", func() bool {
		resp, err := http.Get("http://" + s.AdminAddr().String() + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	stallAfter(s, time.Hour) // a busy machine may delay a client that reads for longer than the stall timeout
	return s
}

// stallAfter sets the time without progress on a full socket, after which a client is closed as a slow consumer.
func stallAfter(s *Server, timeout time.Duration) {
	s.sessions.Heartbeat.Mu.Lock()
	defer s.sessions.Heartbeat.Mu.Unlock()
	s.sessions.Heartbeat.Stall = fanout.InTicks(timeout)
}

type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("log: %s", strings.TrimSpace(string(b)))
	return len(b), nil
}

// client is a WebSocket client that sends and receives single frames.
type client struct {
	t       testing.TB
	conn    net.Conn
	reader  *bufio.Reader
	decoder ws.Decoder
	rules   *ws.Rules // nil for clientRules
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

// dial connects a plain client to a room.
func dial(t testing.TB, s *Server, room string) *client {
	t.Helper()
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	c.write([]byte(upgradeRequest(s.Addr().String(), "/ws?room="+url.QueryEscape(room))))
	c.expectUpgrade()
	return c
}

// response reads the response to the handshake.
func (c *client) response() *http.Response {
	c.t.Helper()
	c.deadline()
	c.reader = bufio.NewReader(c.conn)
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.t.Fatalf("response to the handshake: %v", err)
	}
	return resp
}

// expectUpgrade reads the 101 response and returns its header.
func (c *client) expectUpgrade() http.Header {
	c.t.Helper()
	resp := c.response()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("got %s, want 101", resp.Status)
	}
	return resp.Header
}

func (c *client) deadline() {
	if err := c.conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
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

// next returns the next message or control frame; io.EOF at the end of TCP.
func (c *client) next() (ws.Message, error) {
	c.deadline()
	for {
		rules := c.rules
		if rules == nil {
			rules = &clientRules
		}
		m, rest, err := c.decoder.Next(rules, c.rest)
		if err != nil {
			return m, err
		}
		if m.Op != ws.OpContinuation {
			m.Payload = append([]byte(nil), m.Payload...)
			c.rest = rest
			return m, nil
		}
		n, err := c.reader.Read(c.buf[:])
		if n == 0 && err != nil { // crypto/tls may return the last bytes together with io.EOF
			return m, err
		}
		c.rest = c.buf[:n]
	}
}

// nextExceptPings returns the next message that is not a ping. It sends a pong for each ping, because on a slow machine a test can take longer
// than the ping timeout.
func (c *client) nextExceptPings() (ws.Message, error) {
	for {
		m, err := c.next()
		if err != nil || m.Op != ws.OpPing {
			return m, err
		}
		c.send(ws.OpPong, string(m.Payload))
	}
}

// expect fails the test unless the next message is this one.
func (c *client) expect(op ws.Opcode, payload string) {
	c.t.Helper()
	next := c.nextExceptPings
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

// expectCloseCode fails the test unless a close frame with this code follows, then the end of TCP.
func (c *client) expectCloseCode(code ws.CloseCode) {
	c.t.Helper()
	c.expectClose(code, "")
}

// expectClose is closed for a close frame with a reason. An empty text stands for any reason.
func (c *client) expectClose(code ws.CloseCode, text string) {
	c.t.Helper()
	m, err := c.nextExceptPings()
	if err != nil || m.Op != ws.OpClose {
		c.t.Fatalf("got %v %.60q, %v; want close %d", m.Op, m.Payload, err, code)
	}
	got, reason, err := ws.ParseClose(m.Payload)
	if err != nil || got != code || text != "" && reason != text {
		c.t.Fatalf("got close %d %q (%v), want %d %q", got, reason, err, code, text)
	}
	if m, err := c.next(); !errors.Is(err, io.EOF) {
		c.t.Fatalf("after the close frame: got %v %.40q, %v; want the end of TCP", m.Op, m.Payload, err)
	}
}

// scrape returns the response of /metrics.
func scrape(t testing.TB, s *Server) string {
	t.Helper()
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// value returns the value of a counter or gauge; label is the value of its first label, or empty.
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

// awaitFlushCounts waits until the flushes in progress are counted. A shard counts after its writes, so a client may receive the bytes earlier.
func awaitFlushCounts(s *Server) { s.sessions.Call(func(*fanout.Shard) {}) }

func closesBy(s *Server, r fanout.Reason) int { return int(testutil.ToFloat64(s.metrics.Closes[r])) }

// roomOf returns a room that has a member.
func roomOf(s *Server, name string) *chat.Room {
	r, unlock := s.sessions.Rooms.Find(name)
	defer unlock()
	return r
}

// withShardsLocked runs do while no shard takes jobs, so that it applies to all later connections.
func withShardsLocked(s *Server, do func()) {
	for _, sh := range s.sessions.Shards {
		sh.Mu.Lock()
		defer sh.Mu.Unlock()
	}
	do()
}

// socketOf converts a connection to a socket of the event loop.
func socketOf(t testing.TB, conn net.Conn) *netpoll.Socket {
	t.Helper()
	nc, err := netpoll.FromConn(conn.(*net.TCPConn), conn.RemoteAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	return nc
}
