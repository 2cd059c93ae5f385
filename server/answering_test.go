package server

import (
	"bufio"
	"container/list"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
)

// smallBuffer dials with the smallest receive buffer that the kernel gives: what is not read stays with the sender.
var smallBuffer = net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
	return errors.Join(failed, err)
}}

const scriptRequest = "GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"

// unreadRequests have answers that fill the socket.
var unreadRequests = strings.Repeat(scriptRequest, 10)

// dialSmall sends a request on a connection from an address and reads nothing.
func dialSmall(t testing.TB, s *Server, ip, request string) net.Conn {
	t.Helper()
	d := smallBuffer
	d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)}
	conn, err := d.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A reader that does not read its answer is cut, whether the answer waits in the process or in the kernel.
func TestAnAnswerThatNobodyReadsIsCut(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{"in the kernel": scriptRequest, "in the process": unreadRequests} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, func(c *Config) { c.MaxConnectionsAddress = 5 })
			conn := dialSmall(t, s, "127.0.0.2", request)
			eventually(t, "the reader to be cut", func() bool { return value(t, s, "throng_http_refused_total", metrics.RefusedSlow) == 1 })
			eventually(t, "its socket to be forgotten", func() bool { return socketsOf(s) == 0 })
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v, want a reset: nothing of the answer is kept", err)
			}
		})
	}
}

// socketsOf is how many sockets the server has that are not in the loop, and addresses that count one.
func socketsOf(s *Server) int {
	h := s.edge.Handshakes
	n := h.Length(h.Waiting, h.Answering, h.Flushing, h.Kept, h.Asking, h.Trusted)
	s.hub.AddressesMu.Lock()
	defer s.hub.AddressesMu.Unlock()
	return n + len(s.hub.Addresses)
}

// Who is slow and steady gets all of it, though it takes longer than a reader may take nothing.
func TestASlowReaderGetsThePage(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	conn := dialSmall(t, s, "127.0.0.1", unreadRequests)
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	slow := &slowReader{conn: conn, until: time.Now().Add(3 * edge.AnswerStall)}
	reader := bufio.NewReaderSize(slow, 1024)
	for i := range 10 {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || int64(len(body)) != resp.ContentLength || resp.StatusCode != http.StatusOK {
			t.Fatalf("answer %d: got %s, %d of %d bytes, %v", i, resp.Status, len(body), resp.ContentLength, err)
		}
	}
	if got := value(t, s, "throng_http_refused_total", metrics.RefusedSlow); got != 0 {
		t.Errorf("got %v readers cut, want none", got)
	}
}

// slowReader takes a kilobyte in 50 ms, until a moment: one file takes it longer than answerStall.
type slowReader struct {
	conn  net.Conn
	until time.Time
}

func (r *slowReader) Read(b []byte) (int, error) {
	if time.Now().Before(r.until) {
		time.Sleep(50 * time.Millisecond)
	}
	return r.conn.Read(b)
}

// A full server keeps a few sockets for its answers, and no more, whatever the open-file limit.
func TestMaxConnectionsCountsSocketsThatAreNotInTheLoop(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 2 })
	dial(t, s, "lobby")
	most := 2 + edge.MinSockets
	for range most + 50 {
		dialSmall(t, s, "127.0.0.1", "GET /ws HTTP/1.1\r\n")
	}
	eventually(t, "those over the limit to be closed", func() bool {
		return value(t, s, "throng_handshakes_total", metrics.HandshakeEvicted) >= 51
	})
	if got := s.edge.Handshakes.Count() + int(s.hub.Live.Load()); got > most {
		t.Errorf("got %d sockets, want %d at most", got, most)
	}
	dial(t, s, "lobby")
	if resp, _ := ask(t, s.Addr().String(), upgradeRequest("localhost", "/ws")); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %s, want 503", resp.Status)
	}
}

// Sockets that are not in the loop make room for those that come there.
func TestSocketsMakeRoomForConnections(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 3*edge.MinSockets + 20 })
	most := edge.MinSockets + 20
	for range most {
		dialSmall(t, s, "127.0.0.1", "GET /ws HTTP/1.1\r\n")
	}
	eventually(t, "all to have come", func() bool { return s.edge.Handshakes.Count() == most })
	for i := range 20 {
		dial(t, s, "lobby")
		if got, want := s.edge.Handshakes.Count(), most-i-1; got > want {
			t.Fatalf("got %d sockets beside %d connections, want %d at most", got, i+1, want)
		}
	}
}

// A socket that waits for net/http to take it, and is evicted, ends.
func TestWhoIsEvictedDoesNotWaitForHTTP(t *testing.T) {
	s := startServer(t, nil)
	d := &edge.Door{Edge: s.edge, Log: s.log, Others: make(chan net.Conn), Keyed: make(chan net.Conn), Closed: make(chan struct{})}
	ours, theirs := pipe(t)
	t.Cleanup(func() { theirs.Close() })
	c := &edge.Handshake{TCPConn: ours, ReadAhead: []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Whole: true}
	s.edge.Handshakes.Begin(c)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Greet(c)
	}()
	if !s.edge.Handshakes.EvictOldest() {
		t.Fatal("nothing to evict")
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it waits on")
	}
}

// sendFrom connects from an address, and sends a request, or the beginning of one.
func sendFrom(t *testing.T, s *Server, ip, request string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	conn, err := d.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// statusFrom sends a request from an address, and returns the status of the answer.
func statusFrom(t *testing.T, s *Server, ip, request string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn := sendFrom(t, s, ip, request)
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	return conn, reader, resp
}

// --max-connections-address counts every socket: with its head unread, being answered, kept, and in the loop.
func TestEverySocketCountsForItsAddress(t *testing.T) {
	t.Parallel()
	const page = "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
	upgrade := upgradeRequest("localhost", edge.RoomPath)
	s := startServer(t, func(c *Config) { c.MaxConnectionsAddress = 2 })
	full := func(what, ip string) (all bool) {
		all = true
		for _, request := range []string{page, upgrade} {
			conn, _, resp := statusFrom(t, s, ip, request)
			conn.Close()
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Logf("%s: got %s, Retry-After %q; want 503 with one", what, resp.Status, resp.Header.Get("Retry-After"))
				all = false
			}
		}
		return all
	}
	conns := func(ip string) int {
		s.hub.AddressesMu.Lock()
		defer s.hub.AddressesMu.Unlock()
		if a := s.hub.Addresses[limiter.AddressKey(mustAddr(ip))]; a != nil {
			return a.Conns
		}
		return 0
	}
	h := s.edge.Handshakes
	// held tests sockets that the server bears for a moment; where the machine was slow, again.
	held := func(what, ip, request string, in *list.List) {
		t.Helper()
		for {
			started := time.Now()
			for range 2 {
				defer dialSmall(t, s, ip, request).Close()
			}
			eventually(t, "both to count", func() bool { return conns(ip) == 2 && h.Length(in) == 2 })
			if full(what, ip) {
				break
			}
			if time.Since(started) < edge.GuestTimeout {
				t.Fatalf("%s do not count", what)
			}
			eventually(t, "them to be forgotten", func() bool { return conns(ip) == 0 && h.Length(in) == 0 })
		}
		eventually(t, "them to be forgotten", func() bool { return conns(ip) == 0 && h.Length(in) == 0 })
	}
	held("heads unread", "127.0.0.2", "GET /ws HTTP/1.1\r\n", h.Waiting)
	held("requests being answered", "127.0.0.3", "POST "+edge.GuestPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", h.Answering)

	statusFrom(t, s, "127.0.0.4", upgrade)
	statusFrom(t, s, "127.0.0.4", upgrade)
	if !full("in the loop", "127.0.0.4") {
		t.Error("connections of the loop do not count")
	}

	// What is kept for another request makes room, in order.
	_, reader, _ := statusFrom(t, s, "127.0.0.5", page)
	eventually(t, "the oldest to be kept", func() bool { return h.Length(h.Kept) == 1 })
	statusFrom(t, s, "127.0.0.5", page)
	eventually(t, "both to be kept", func() bool { return h.Length(h.Kept) == 2 })
	if _, _, resp := statusFrom(t, s, "127.0.0.5", upgrade); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("got %s, want 101: a kept connection makes room", resp.Status)
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest that was kept: got %v, want the end", err)
	}
	if got := conns("127.0.0.5"); got != 2 {
		t.Errorf("got %d counted, want 2", got)
	}
}

// A handshake behind another request goes on with its socket's place.
func TestAHandshakeOnAKeptConnectionCountsOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnectionsAddress = 1 })
	conn, reader, _ := statusFrom(t, s, "127.0.0.2", "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.WriteString(conn, upgradeRequest("localhost", edge.RoomPath)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(reader, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v; want 101", resp, err)
	}
	conn.Close()
	eventually(t, "it to be forgotten", func() bool { return socketsOf(s) == 0 })
}

// A connection that is kept for another request ends by FIN: a client that sends one just then sees the end, and may send it again.
func TestAKeptConnectionEndsInOrder(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) {
		if s.edge.HttpServer().IdleTimeout != 75*time.Second {
			t.Errorf("got %v, want 75s", s.edge.HttpServer().IdleTimeout)
		}
		s.edge.KeepFor = 50 * time.Millisecond
	})
	_, reader, resp := statusFrom(t, s, "127.0.0.1", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp.Close {
		t.Fatal("got Connection: close, want it kept")
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end of TCP in order", err)
	}
	eventually(t, "it to be forgotten", func() bool { return socketsOf(s) == 0 })
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeEvicted); got != 0 {
		t.Errorf("got %v evicted, want 0", got)
	}
}

// The time for a head does not end a connection that is kept.
func TestAKeptConnectionOutlivesTheTimeForAHead(t *testing.T) {
	h := edge.NewHandshakes(slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), func() int { return 10 })
	c := answered(t, h, 1)[0]
	h.OnState(c, http.StateIdle)
	eventually(t, "it to be kept", func() bool {
		h.Expire(time.Now())
		return h.Length(h.Kept) == 1
	})
	h.Expire(time.Now().Add(2 * edge.HeadTimeout))
	if !open(c) {
		t.Error("it was closed")
	}
}

// A flood of guests does not keep the application from speaking: a request with the key is known before it is in the line.
func TestAHeadThatShowsTheKeyIsKnown(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	key := s.cfg.API.Key
	for head, want := range map[string]bool{
		"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n":              true,
		"POST /api HTTP/1.1\r\nHost: x\r\nAuthorization: apikey " + key + "\r\n\r\n":        true,
		"POST /api/info?api_key=" + key + " HTTP/1.1\r\nHost: x\r\n\r\n":                    true,
		"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\n\r\n":                    false,
		"POST /apis HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n":                  false,
		"GET /app.js HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n":                 false,
		"POST /api/info HTTP/1.1\r\nHost: x\r\n: " + key + "\r\nX-API-Key: " + key + "\r\n": false,
	} {
		if got := s.edge.ShowsKey([]byte(head)); got != want {
			t.Errorf("%q: got %v, want %v", head, got, want)
		}
	}
	call(t, s, "info", `{}`)
	eventually(t, "its connection to be kept apart", func() bool { return s.edge.Handshakes.Length(s.edge.Handshakes.Trusted) > 0 })
}

// Requests of whoever has no key share a rate; the application's do not wait for them.
func TestRequestsWithoutTheKeyHaveARate(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.API.Key = "a-key-of-these-tests" })
	get := func(path, key string) (int, error) {
		req, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if key == "" {
			req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
		} else {
			req.Header.Set("X-API-Key", key)
		}
		client := http.Client{Timeout: patience}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	s.edge.Requests.SetBurst(1)
	s.edge.Requests.SetLimit(rate.Every(50 * time.Millisecond))
	start := time.Now()
	for range 5 {
		if code, err := get("/", ""); err != nil || code != http.StatusOK {
			t.Fatalf("got %d, %v", code, err)
		}
	}
	if took := time.Since(start); took < 3*50*time.Millisecond {
		t.Errorf("took %v for 5 requests, one each 50 ms", took)
	}
	s.edge.Requests.SetLimit(rate.Every(24 * time.Hour)) // of two more, one waits, and all others
	before := value(t, s, "throng_http_delayed_total", "")
	const page = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for i, request := range []string{page + page, "POST " + edge.GuestPath + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
		"POST /api/info HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"} {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it to wait: "+request, func() bool { return value(t, s, "throng_http_delayed_total", "") == before+float64(i)+1 })
	}
	if code, err := get("/api/info", "a-key-of-these-tests"); err != nil || code != http.StatusOK {
		t.Errorf("a call with the key: got %d, %v", code, err)
	}
}
