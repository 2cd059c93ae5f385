package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// Clients of the HTTP fallbacks that are slow, greedy or gone.

// startWithWaitingRPC starts a server whose application answers no call before answer is called.
func startWithWaitingRPC(t *testing.T) (s *Server, a *application, answer func()) {
	t.Helper()
	release := make(chan struct{})
	answer = sync.OnceFunc(func() { close(release) })
	a = startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string {
		<-release
		return `{"result":{}}`
	}})
	t.Cleanup(answer) // before the application stops
	return startHooked(t, a, nil), a, answer
}

// A request waits while its session does, and its commands are handled after those before it. Other sessions continue.
func TestCommandsOfAStreamWaitForTheSession(t *testing.T) {
	t.Parallel()
	s, a, answer := startWithWaitingRPC(t)
	st, other := connectStream(t, s, ""), connectStream(t, s, "")
	st.sendLine(`{"id":2,"rpc":{"method":"m"}}`)
	eventually(t, "the application to be asked", func() bool { return len(a.of(session.OnRPC)) > 0 })
	text := strings.Repeat("x", 40_000)
	st.sendLine("%s", `{"id":3,"subscribe":{"channel":"r"}}`+"\n"+`{"id":4,"publish":{"channel":"r","data":"`+text+`"}}`) // in the queue
	answered := make(chan int, 1)
	go func() { answered <- st.post(`{"id":5,"publish":{"channel":"r","data":"` + text + `"}}`) }()
	other.sendLine(`{"id":2,"subscribe":{"channel":"other"}}`)
	other.expectLine(`{"id":2,"subscribe":{}}`)
	select {
	case status := <-answered:
		t.Fatalf("got status %d while the queue is full", status)
	case <-time.After(50 * time.Millisecond):
	}
	answer()
	if status := <-answered; status != http.StatusNoContent {
		t.Fatalf("got status %d", status)
	}
	for _, want := range []string{`{"id":2,"rpc":`, `{"id":3,"subscribe":`, `{"push":`, `{"id":4,"publish":`, `{"push":`, `{"id":5,"publish":`} {
		if got := st.line(); !strings.HasPrefix(got, want) {
			t.Fatalf("got %.60s, want %s", got, want)
		}
	}
}

// A request that waits too long is rejected, and its commands are not handled.
func TestCommandsOfAStreamWaitNotForever(t *testing.T) {
	t.Parallel()
	s, a, answer := startWithWaitingRPC(t)
	st := connectStream(t, s, "")
	st.sendLine(`{"id":2,"rpc":{"method":"m"}}`)
	eventually(t, "the application to be asked", func() bool { return len(a.of(session.OnRPC)) > 0 })
	text := strings.Repeat("x", 60_000)
	st.sendLine("%s", `{"id":3,"publish":{"channel":"r","data":"`+text+`"}}`)
	if status := st.post(`{"id":4,"publish":{"channel":"r","data":"` + text + `"}}`); status != http.StatusTooManyRequests {
		t.Errorf("got status %d, want 429", status)
	}
	answer()
	st.line()
	if got := st.line(); !strings.HasPrefix(got, `{"id":3,`) {
		t.Errorf("got %.60s, want the reply to command 3", got)
	}
	st.sendLine(`{"id":5,"rpc":{"method":"m"}}`)
	if got := st.line(); !strings.HasPrefix(got, `{"id":5,`) {
		t.Errorf("got %.60s, want the reply to command 5, and none to the rejected command", got)
	}
	if got := value(t, s, "throng_emulation_requests_total", "rate"); got != 1 {
		t.Errorf("got %v rejected requests in the metric, want 1", got)
	}
}

// A client that does not read its stream is closed as a slow consumer, and others are not delayed.
func TestAStreamThatIsNotReadIsClosed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.OtherRooms = "open" })
	stallAfter(s, fanout.StallTimeout)
	st := connectStream(t, s, "")
	st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
	st.expectLine(`{"id":2,"subscribe":{}}`)
	other := connectEvents(t, s, "")
	other.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
	other.expectLine(`{"id":2,"subscribe":{}}`)
	talker := dial(t, s, "r")
	text := strings.Repeat("x", 60_000)
	deadline := time.Now().Add(testTimeout)
	for n := 0; closesBy(s, fanout.ClosedSlow) == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatal("the slow consumer is not closed")
		}
		if n < 200 { // more than any socket holds
			talker.send(ws.OpText, text)
			if got := other.line(); len(got) < len(text) {
				t.Fatalf("got %.60s", got)
			}
			talker.expect(ws.OpText, text)
		} else {
			time.Sleep(20 * time.Millisecond)
		}
	}
	eventually(t, "the session to be gone", func() bool { return st.post(`{"id":3,"rpc":{}}`) == http.StatusNotFound })
}

// slowCommands sends the head of a request for commands, and no body.
func slowCommands(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /emulation HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n", s.Addr()); err != nil {
		t.Fatal(err)
	}
	return conn
}

func expectStatus(t *testing.T, conn net.Conn, want int) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != want || !resp.Close {
		t.Errorf("got %v, %v; want status %d and the end of TCP", resp, err, want)
	}
}

// Requests whose bodies do not come take no place from others: the oldest of the address with the most is evicted.
func TestSlowBodiesDoNotBlockCommands(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) { s.edge.Fallbacks.InProgress = limiter.NewSlots(2, false) })
	st := connectStream(t, s, "")
	first := slowCommands(t, s)
	eventually(t, "the first request", func() bool { return s.edge.Fallbacks.InProgress.Length() == 1 })
	slowCommands(t, s)
	eventually(t, "the second request", func() bool { return s.edge.Fallbacks.InProgress.Length() == 2 })
	st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
	st.expectLine(`{"id":2,"subscribe":{}}`)
	expectStatus(t, first, http.StatusTooManyRequests)
}

func TestBodiesOfCommandsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) { s.edge.Fallbacks.Bodies.SetMax(120) })
	slow := slowCommands(t, s)
	eventually(t, "the slow request", func() bool { return s.edge.Fallbacks.Bodies.Used.Load() == 100 })
	if status := postCommands(t, publicHTTP, "http://"+s.Addr().String(), "00000000000000000000000000000000", "{}"); status != http.StatusTooManyRequests {
		t.Errorf("got status %d, want 429", status)
	}
	if _, err := io.WriteString(slow, strings.Repeat("x", 100)); err != nil {
		t.Fatal(err)
	}
	expectStatus(t, slow, http.StatusBadRequest)
	eventually(t, "the bytes to be released", func() bool { return s.edge.Fallbacks.Bodies.Used.Load() == 0 })
	if got := s.edge.Fallbacks.InProgress.Length(); got != 0 {
		t.Errorf("got %d requests in progress", got)
	}
}

func TestRequestsForCommandsHaveARate(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) { s.edge.Fallbacks.Rates = limiter.NewAddressRates(limiter.PerSecond(1), 16) })
	st := connectStream(t, s, "")
	accepted, rejected := 0, 0
	for range 20 {
		switch status := st.post(`{"id":2,"unsubscribe":{"channel":"r"}}`); status {
		case http.StatusNoContent:
			accepted++
		case http.StatusTooManyRequests:
			rejected++
		default:
			t.Fatalf("got status %d", status)
		}
	}
	if accepted == 0 || rejected == 0 {
		t.Errorf("got %d accepted and %d rejected requests", accepted, rejected)
	}
	for range accepted {
		st.expectLine(`{"id":2,"unsubscribe":{}}`)
	}
}

// A request that arrives in parts is that of one piece.
func TestARequestForAStreamInParts(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	request := streamRequest(s, "POST", "/connection/http_stream", `{"id":1,"connect":{}}`)
	for _, at := range []int{1, 5, 30, strings.Index(request, "\r\n\r\n") + 2, strings.Index(request, "\r\n\r\n") + 4, len(request) - 3} {
		conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request[:at]); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the first part to be read", func() bool { return s.edge.Pending.Length(s.edge.Pending.Waiting, s.edge.Pending.Responding) > 0 })
		if _, err := io.WriteString(conn, request[at:]); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("cut at %d: got %v, %v", at, resp, err)
		}
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"session":`) {
			t.Fatalf("cut at %d: got %s, %v", at, line, err)
		}
		conn.Close()
		eventually(t, "the connection to end", func() bool { return s.sessions.Live.Load() == 0 })
	}
}
