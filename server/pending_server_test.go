package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// smallBuffer dials with the smallest receive buffer of the kernel, so that unread bytes stay at the sender.
var smallBuffer = net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
	return errors.Join(failed, err)
}}

const fileRequest = "GET /emoji.json HTTP/1.1\r\nHost: localhost\r\n\r\n"

// unreadRequests have responses that fill the socket.
var unreadRequests = strings.Repeat(fileRequest, 10)

// dialSmall sends a request on a connection from an address and reads nothing.
func dialSmall(t testing.TB, s *Server, ip, request string) net.Conn {
	t.Helper()
	d := smallBuffer
	d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)}
	conn, err := dialPublic(&d, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A client that does not read its response is closed, whether the unread bytes are in the process or in the kernel.
func TestAnUnreadResponseIsClosed(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{"in the kernel": fileRequest, "in the process": unreadRequests} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, func(c *Config) { c.MaxConnectionsAddress = 5 })
			conn := dialSmall(t, s, "127.0.0.2", request)
			eventually(t, "the client to be closed", func() bool { return value(t, s, "throng_http_refused_total", metrics.RejectedSlow) == 1 })
			eventually(t, "its connection to be removed", func() bool { return socketsOf(s) == 0 })
			if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v, want a reset, which discards the response", err)
			}
		})
	}
}

// socketsOf returns the number of pending connections and of counted addresses.
func socketsOf(s *Server) int {
	h := s.edge.Pending
	n := h.Length(h.Waiting, h.Responding, h.Flushing, h.Idle, h.AwaitingProxy, h.Trusted)
	s.sessions.AddressesMu.Lock()
	defer s.sessions.AddressesMu.Unlock()
	return n + len(s.sessions.Addresses)
}

// A slow client with steady progress receives the whole response, even if that takes longer than the time without progress.
func TestASlowReaderReceivesThePage(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	conn := dialSmall(t, s, "127.0.0.1", unreadRequests)
	if err := conn.SetDeadline(time.Now().Add(2 * testTimeout)); err != nil {
		t.Fatal(err)
	}
	slow := &slowReader{conn: conn, until: time.Now().Add(3 * edge.ResponseStall)}
	reader := bufio.NewReaderSize(slow, 1024)
	for i := range 10 {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("response %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || int64(len(body)) != resp.ContentLength || resp.StatusCode != http.StatusOK {
			t.Fatalf("response %d: got %s, %d of %d bytes, %v", i, resp.Status, len(body), resp.ContentLength, err)
		}
	}
	if got := value(t, s, "throng_http_refused_total", metrics.RejectedSlow); got != 0 {
		t.Errorf("got %v clients closed, want none", got)
	}
}

// slowReader reads a kilobyte in 50 ms until a time: it needs longer than ResponseStall for a file.
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

// lateOrEvicted is the number of handshakes that were closed unfinished. On a slow machine, some of those above a limit are late before.
func lateOrEvicted(t *testing.T, s *Server) float64 {
	return value(t, s, "throng_handshakes_total", metrics.HandshakeEvicted) + value(t, s, "throng_handshakes_total", metrics.HandshakeLate)
}

// A full server allows a few pending connections for its responses, with any open-file limit.
func TestMaxConnectionsCountsPendingConnections(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 2 })
	dial(t, s, "lobby")
	most := 2 + edge.MinSockets
	for range most + 50 {
		dialSmall(t, s, "127.0.0.1", "GET /ws HTTP/1.1\r\n")
	}
	eventually(t, "the connections above the limit to be closed", func() bool {
		return lateOrEvicted(t, s) >= 51
	})
	if got := s.edge.Pending.Count() + int(s.sessions.Live.Load()); got > most {
		t.Errorf("got %d sockets, want %d at most", got, most)
	}
	dial(t, s, "lobby")
	if resp, _ := ask(t, s.Addr().String(), upgradeRequest("localhost", "/ws")); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %s, want 503", resp.Status)
	}
}

// Pending connections are evicted if connections of the event loop need their place.
func TestPendingConnectionsAreEvictedForConnections(t *testing.T) {
	plainOnly(t, "its handshakes may take longer than HeadTimeout")
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 3*edge.MinSockets + 20 })
	most := edge.MinSockets + 20
	for i := range most { // fewer than MaxPendingAddress from one address: on a busy machine they may be older than PendingGrace
		dialSmall(t, s, fmt.Sprintf("127.0.0.%d", 1+i%2), "GET /ws HTTP/1.1\r\n")
	}
	eventually(t, "all connections to arrive", func() bool { return s.edge.Pending.Count() == most })
	for i := range 20 {
		dial(t, s, "lobby")
		if got, want := s.edge.Pending.Count(), most-i-1; got > want {
			t.Fatalf("got %d pending and %d other connections, want %d at most", got, i+1, want)
		}
	}
}

// A goroutine that waits to pass a connection to net/http ends when the connection is evicted.
func TestAnEvictedConnectionDoesNotWaitForHTTP(t *testing.T) {
	s := startServer(t, nil)
	d := &edge.Acceptor{Edge: s.edge, Log: s.log, HTTP: make(chan net.Conn), HTTPWithKey: make(chan net.Conn), Closed: make(chan struct{})}
	ours, theirs := testkit.Pipe(t)
	t.Cleanup(func() { theirs.Close() })
	c := &edge.PendingConn{Conn: ours, ReadAhead: []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), HeadRead: true}
	s.edge.Pending.Begin(c)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.ReadHandshake(c)
	}()
	if !s.edge.Pending.EvictOldest() {
		t.Fatal("no connection to evict")
	}
	select {
	case <-ended:
	case <-time.After(testTimeout):
		t.Fatal("the goroutine still waits")
	}
}

// An idle connection is closed by FIN. A client that sends a request at that moment sees the end, and may send the request again.
func TestAnIdleConnectionClosesWithoutReset(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) {
		if s.edge.HTTPServer().IdleTimeout != 75*time.Second {
			t.Errorf("got %v, want 75s", s.edge.HTTPServer().IdleTimeout)
		}
		s.edge.IdleTimeout = 50 * time.Millisecond
	})
	_, reader, resp := statusFrom(t, s, "127.0.0.1", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp.Close {
		t.Fatal("got Connection: close, want keep-alive")
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end of TCP without a reset", err)
	}
	eventually(t, "it to be removed", func() bool { return socketsOf(s) == 0 })
	if got := lateOrEvicted(t, s); got != 0 {
		t.Errorf("got %v late or evicted, want 0", got)
	}
}

// A flood of guest requests does not block API calls: a request with the key is recognized before it is queued.
func TestAHeadWithTheAPIKeyIsRecognized(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	key := s.cfg.API.Key
	for head, want := range map[string]bool{
		"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n":              true,
		"POST /api HTTP/1.1\r\nHost: x\r\nAuthorization: apikey " + key + "\r\n\r\n":        true,
		"POST /api/info?api_key=" + key + " HTTP/1.1\r\nHost: x\r\n\r\n":                    true,
		"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\n\r\n":                    false,
		"POST /apis HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n":                  false,
		"GET /emoji.json HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n":             false,
		"POST /api/info HTTP/1.1\r\nHost: x\r\n: " + key + "\r\nX-API-Key: " + key + "\r\n": false,
	} {
		if got := s.edge.HasAPIKey([]byte(head)); got != want {
			t.Errorf("%q: got %v, want %v", head, got, want)
		}
	}
	call(t, s, "info", `{}`)
	eventually(t, "its connection to be trusted", func() bool { return s.edge.Pending.Length(s.edge.Pending.Trusted) > 0 })
}

// Requests without the API key share a rate. Requests with the key do not wait for it.
func TestRequestsWithoutTheAPIKeyHaveARate(t *testing.T) {
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
		client := http.Client{Timeout: testTimeout}
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
		t.Errorf("took %v for 5 requests, want one per 50 ms", took)
	}
	s.edge.Requests.SetLimit(rate.Every(24 * time.Hour)) // of two more requests one waits, and so do all later ones
	before := value(t, s, "throng_http_delayed_total", "")
	const page = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for i, request := range []string{page + page, "POST " + edge.GuestPath + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
		"POST /api/info HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"} {
		conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
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

// HTTP requests whose responses are not read are bounded, and do not affect other clients.
func TestUnreadResponsesAreBounded(t *testing.T) {
	s := startAPI(t)
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	gather(t, s, edge.MaxResponding+1500, crowdUnread)
	h := s.edge.Pending
	// Many more may be arriving: each evicts another one before it is handled. TestAResponseWithProgressIsNotEvicted checks the limit exactly.
	eventually(t, "the requests above the limit to be evicted", func() bool { return h.Length(h.Responding) <= edge.MaxResponding })
	for range 20 {
		c := dial(t, s, "lobby")
		c.send(ws.OpText, "hello")
		c.expect(ws.OpText, "hello")
		c.conn.Close()
	}
	call(t, s, "publish", `{"channel":"x","data":1}`)
	eventually(t, "the connections above the limit to be closed", func() bool {
		return value(t, s, "throng_http_refused_total", metrics.RejectedFull)+value(t, s, "throng_http_refused_total", metrics.RejectedSlow) > 1000
	})
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+20 })
}
