package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/ws"
)

// startUnix runs a server whose plain port is a Unix socket, and returns its path.
func startUnix(t testing.TB, change func(*Config)) (s *Server, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "throng.sock")
	s = startServer(t, func(c *Config) {
		c.Listen, c.Guests = "unix:"+path, "on"
		if change != nil {
			change(c)
		}
	})
	return s, path
}

// dialUnix opens a connection to a Unix socket.
func dialUnix(t testing.TB, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// plainOver makes a connection a plain client of a room. lines are added to the head of its handshake.
func plainOver(t testing.TB, conn net.Conn, room, lines string) *client {
	t.Helper()
	c := &client{t: t, conn: conn}
	c.write([]byte(strings.Replace(upgradeRequest("chat.example", "/ws?room="+room), "\r\n\r\n", "\r\n"+lines+"\r\n", 1)))
	c.expectUpgrade()
	return c
}

// A handshake in one piece and one in two pieces take different ways into the event loop.
func TestWebSocketsOverAUnixSocket(t *testing.T) {
	t.Parallel()
	s, path := startUnix(t, nil)
	whole := plainOver(t, dialUnix(t, path), "x", "")
	conn := dialUnix(t, path)
	if _, err := io.WriteString(conn, "GET /ws?room=x HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection to be pending", func() bool { return s.edge.Pending.Count() == 1 })
	pieces := &client{t: t, conn: conn}
	pieces.write([]byte(strings.TrimPrefix(upgradeRequest("chat.example", "/ws?room=x"), "GET /ws?room=x HTTP/1.1\r\n")))
	pieces.expectUpgrade()
	for i := range 100 {
		text := fmt.Sprint("number ", i)
		whole.send(ws.OpText, text)
		whole.expect(ws.OpText, text)
		pieces.expect(ws.OpText, text)
	}
	if got := peersOf(t, s); len(got) != 2 || got[0] != "unix" || got[1] != "unix" {
		t.Errorf("got the addresses %v, want unix", got)
	}
	pieces.write(ws.AppendMaskedFrame(nil, ws.OpClose, 1, []byte{0x03, 0xe8}))
	pieces.expectCloseCode(ws.CloseNormal)
	whole.conn.Close()
	eventually(t, "both to be closed", func() bool { return s.sessions.Live.Load() == 0 })
}

// Clients of a Unix socket have no address, so slow mode counts all that have no user as one publisher, unless the proxy sends their addresses.
func TestSlowModeOverAUnixSocket(t *testing.T) {
	t.Parallel()
	s, path := startUnix(t, func(c *Config) { c.TrustedProxies = []string{"unix"} })
	s.sessions.Moderation.SetSlowMode("x", time.Hour)
	publish := func(lines string) *client {
		c := plainOver(t, dialUnix(t, path), "x", lines)
		c.send(ws.OpText, "hello")
		return c
	}
	publish("").expect(ws.OpText, "hello")
	publish("").expectCloseCode(ws.ClosePolicy)
	publish("X-Forwarded-For: 198.51.100.7\r\n").expect(ws.OpText, "hello")
	publish("X-Forwarded-For: 198.51.100.8\r\n").expect(ws.OpText, "hello")
	publish("X-Forwarded-For: 198.51.100.7\r\n").expectCloseCode(ws.ClosePolicy)
}

// A full Unix socket loses no byte: nbio's own type for one would lose what it does not take.
func TestASlowReaderOfAUnixSocketReceivesAll(t *testing.T) {
	t.Parallel()
	s, path := startUnix(t, nil)
	slow, publisher := plainOver(t, dialUnix(t, path), "x", ""), plainOver(t, dialUnix(t, path), "x", "")
	text := func(i int) string { return fmt.Sprintf("%06d%s", i, strings.Repeat("x", 1000)) }
	sent := 0
	for unsent := 0; unsent == 0; {
		for range 20 {
			publisher.send(ws.OpText, text(sent))
			publisher.expect(ws.OpText, text(sent))
			sent++
		}
		if sent > 2000 {
			t.Fatal("the socket takes all")
		}
		var page struct{ Connections []admin.Connection }
		getJSON(t, s, "/connections", &page)
		for _, c := range page.Connections {
			unsent = max(unsent, c.UnsentBytes)
		}
	}
	for i := range sent {
		slow.expect(ws.OpText, text(i))
	}
	publisher.send(ws.OpText, "last")
	slow.expect(ws.OpText, "last")
}

// An established connection over a Unix socket has no goroutine.
func TestUnixConnectionsAddNoGoroutine(t *testing.T) {
	s, path := startUnix(t, nil)
	before := runtime.NumGoroutine()
	for range 100 {
		plainOver(t, dialUnix(t, path), "x", "")
	}
	eventually(t, "the readers of heads to end", func() bool { return runtime.NumGoroutine() <= before+5 })
	if got := s.sessions.Live.Load(); got != 100 {
		t.Errorf("got %d connections, want 100", got)
	}
}

// The peers of a Unix socket have no address: no limit of an address applies to them.
func TestNoLimitOfAnAddressForUnixPeers(t *testing.T) {
	t.Parallel()
	limits := func(c *Config) {
		c.MaxConnectionsAddress, c.RateConnectionsAddress, c.RateAddress = 1, 1, 1
	}
	s, path := startUnix(t, limits)
	for range 30 {
		plainOver(t, dialUnix(t, path), "x", "X-Forwarded-For: 198.51.100.7\r\n")
	}
	if got := peersOf(t, s); len(got) != 30 || got[0] != "unix" {
		t.Errorf("got the addresses %v, want unix", got)
	}
	resp := statusOver(t, dialUnix(t, path), "GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n")
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the page: got %s, want 200", resp.Status)
	}

	// With a trusted proxy they apply to its clients, but not to the proxy itself.
	s, path = startUnix(t, func(c *Config) {
		limits(c)
		c.TrustedProxies = []string{"unix"}
	})
	plainOver(t, dialUnix(t, path), "x", "")
	plainOver(t, dialUnix(t, path), "x", "")
	plainOver(t, dialUnix(t, path), "x", "X-Forwarded-For: 198.51.100.7\r\n")
	if got := upgrade(t, dialUnix(t, path), "X-Forwarded-For: 198.51.100.7\r\n"); got != http.StatusServiceUnavailable {
		t.Errorf("a second connection of a client: got %d, want 503", got)
	}
	if got := strings.Join(peersOf(t, s), " "); got != "unix unix 198.51.100.7" {
		t.Errorf("got the addresses %s, want unix unix 198.51.100.7", got)
	}
}

// statusOver sends a request and returns the response without its body.
func statusOver(t testing.TB, conn net.Conn, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// The PROXY protocol works over a Unix socket, and a client that the proxy has from a Unix socket has no address.
func TestTheProxyProtocolOverAUnixSocket(t *testing.T) {
	t.Parallel()
	s, path := startUnix(t, func(c *Config) { c.TrustedProxies, c.ProxyProtocol = []string{"unix"}, "listen" })
	unixBlock := string(append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8"), make([]byte, 216)...))
	for header, want := range map[string]string{
		headerOf(t, 2, "198.51.100.7:4711"): "198.51.100.7:4711",
		unixBlock:                           "unix",
	} {
		conn := dialUnix(t, path)
		sendParts(t, conn, header)
		c := plainOver(t, conn, "x", "")
		if got := peersOf(t, s); len(got) != 1 || got[0] != want {
			t.Errorf("got the addresses %v, want %s", got, want)
		}
		c.conn.Close()
		eventually(t, "the connection to end", func() bool { return s.sessions.Live.Load() == 0 })
	}
	if got := upgrade(t, dialUnix(t, path), ""); got != http.StatusBadRequest {
		t.Errorf("without a header: got %d, want 400", got)
	}
}

// curl runs curl over a Unix socket and returns what it prints.
func curl(t *testing.T, path string, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-sS", "--max-time", "60", "--unix-socket", path}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", arguments, err, out)
	}
	return string(out)
}

// The page, the server API, a stream and the admin port: by curl over Unix sockets. At the stop the files are removed.
func TestCurlOverUnixSockets(t *testing.T) {
	t.Parallel()
	adminPath := filepath.Join(t.TempDir(), "admin.sock")
	cfg := DefaultConfig()
	path := filepath.Join(t.TempDir(), "throng.sock")
	cfg.Listen, cfg.Admin, cfg.Guests, cfg.API.Key = "unix:"+path, "unix:"+adminPath, "on", "0123456789abcdef"
	s, err := New(cfg, slog.New(slog.NewTextHandler(logTo{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	if got := curl(t, adminPath, "http://localhost/healthz"); strings.TrimSpace(got) != `"ok"` {
		t.Errorf("healthz: got %q, want ok", got)
	}
	if got := curl(t, path, "http://chat.example/"); !strings.Contains(got, "<title>") {
		t.Errorf("the page: got %.200q", got)
	}
	stream := exec.Command("curl", "-sSN", "--max-time", "60", "--unix-socket", path, "-H", "X-Forwarded-For: 198.51.100.7", "-d", `{}`, "http://localhost/connection/uni_http_stream")
	out, err := stream.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var first struct{ Connect struct{ Client string } }
	line, err := lines.ReadString('\n')
	if err := errors.Join(err, json.Unmarshal([]byte(line), &first)); err != nil || first.Connect.Client == "" {
		t.Fatalf("the stream: got %q, %v; want a client ID", line, err)
	}
	for _, call := range [][2]string{
		{"subscribe", `{"user":"","client":"` + first.Connect.Client + `","channel":"tea"}`}, {"publish", `{"channel":"tea","data":{"text":"by curl"}}`},
	} {
		if got := curl(t, path, "-H", "X-API-Key: 0123456789abcdef", "-d", call[1], "http://localhost/api/"+call[0]); !strings.Contains(got, `"result"`) {
			t.Fatalf("%v: got %q", call, got)
		}
	}
	for !strings.Contains(line, "by curl") {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("the stream ended before the publication: %v", err)
		}
	}
	var page struct{ Connections []admin.Connection }
	if err := json.Unmarshal([]byte(curl(t, adminPath, "http://localhost/connections")), &page); err != nil || len(page.Connections) != 1 || page.Connections[0].Address != "unix" {
		t.Errorf("got %+v, %v; want one connection of unix", page, err)
	}
	if got := curl(t, adminPath, "http://localhost/metrics"); !strings.Contains(got, "throng_connections 1") {
		t.Errorf("metrics: got %.200q", got)
	}

	waiting := plainOver(t, dialUnix(t, path), "x", "")
	stop()
	waiting.expectCloseCode(ws.CloseRestart)
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
	if err := stream.Wait(); err != nil {
		t.Errorf("the stream: %v", err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testTimeout):
		t.Fatal("the server did not stop")
	}
	for _, each := range []string{path, adminPath} {
		if _, err := os.Lstat(each); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: got %v after the stop, want it removed", each, err)
		}
	}
}

// A Unix socket is not a loopback address: its clients are those of a proxy.
func TestGuestsOverAUnixSocketNeedGuestsOn(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = "unix:/run/throng.sock"
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.guestsAllowed() {
		t.Error("guests are on, want off")
	}
}

func TestAddressesOfUnixSockets(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("x", 106)
	for text, good := range map[string]bool{
		"unix:/run/throng.sock": true, "unix:" + long: true, "unix:" + long + "x": false, "unix:": false, "unix:throng.sock": false,
		"unix:@throng": false, "unix:/run/": false, "/run/throng.sock": false, ":/run/throng.sock": false,
	} {
		for _, set := range []func(*Config){func(c *Config) { c.Listen = text }, func(c *Config) { c.Admin = text }} {
			cfg := DefaultConfig()
			set(&cfg)
			if err := cfg.Validate(); (err == nil) != good {
				t.Errorf("%q: got %v", text, err)
			}
		}
	}
	cfg := DefaultConfig()
	cfg.TLSListen, cfg.TLS.Cert, cfg.TLS.Key = "unix:/run/throng.sock", []string{"a"}, []string{"b"}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "a Unix socket serves without TLS") {
		t.Errorf("tls-listen: got %v, want an error", err)
	}
}

// serve --check finds a path that cannot be used, and creates no file.
func TestTheCheckOfAUnixSocket(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	free := "unix:" + filepath.Join(directory, "free.sock")
	for _, tt := range []struct{ listen, admin, want string }{
		{free, "off", ""},
		{free, free, "admin = " + fmt.Sprintf("%q", free) + ": must have a different path than listen"},
		{"unix:" + file, "off", "a file that is not a socket"},
		{"unix:" + directory + "/none/throng.sock", "off", "create a file in " + directory + "/none: no such file or directory"},
	} {
		cfg := DefaultConfig()
		cfg.Listen, cfg.Admin = tt.listen, tt.admin
		if err := cfg.CheckAddresses(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s and %s: got %v, want %q", tt.listen, tt.admin, err, tt.want)
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v; want only the file of this test", entries, err)
	}
}
