package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
)

// Requests of the HTTP fallbacks that are not as they should be, and their limits.

var fallbackPaths = []string{
	"/connection/http_stream", "/connection/sse", "/emulation", "/connection/uni_http_stream", "/connection/uni_sse",
}

func TestFallbackOff(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Fallback = "off" })
	for _, path := range fallbackPaths {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			if resp, _ := ask(t, s.Addr().String(), streamRequest(s, method, path, `{"id":1,"connect":{}}`)); resp.StatusCode < 400 {
				t.Errorf("%s %s: got %s", method, path, resp.Status)
			}
		}
	}
	if s.sessions.Live.Load() != 0 {
		t.Error("a connection was opened")
	}
}

// The requests of pages: of the site itself, of an allowed origin, and of another one.
func TestFallbacksHoldOrigins(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Origins = []string{"https://app.example"} })
	for _, path := range fallbackPaths {
		preflight := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"}
		resp, _ := ask(t, s.Addr().String(), streamRequest(s, "OPTIONS", path, "", append(preflight, "Origin: https://app.example")...))
		h := resp.Header
		if resp.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != "https://app.example" ||
			h.Get("Access-Control-Allow-Headers") != "Content-Type" || h.Get("Access-Control-Allow-Methods") == "" || h.Get("Vary") != "Origin" {
			t.Errorf("%s: preflight: got %s, %v", path, resp.Status, h)
		}
		for _, method := range []string{"OPTIONS", "POST", "GET"} {
			resp, _ := ask(t, s.Addr().String(), streamRequest(s, method, path, `{"id":1,"connect":{}}`, "Origin: https://evil.example"))
			if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s of another origin: got %s, %v", method, path, resp.Status, resp.Header)
			}
		}
	}
	st := openStream(t, s, "GET", "/connection/sse", `{"id":1,"connect":{}}`, "Origin: https://app.example").connected()
	if got := st.resp.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("got Access-Control-Allow-Origin %q for a stream", got)
	}
	own := openStream(t, s, "GET", "/connection/sse", `{"id":1,"connect":{}}`, "Origin: http://"+s.Addr().String()).connected()
	own.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
	own.expectLine(`{"id":2,"subscribe":{}}`)
	if got := value(t, s, "throng_handshakes_total", "origin"); got != 15 {
		t.Errorf("got %v handshakes of other origins, want 15", got)
	}
}

func TestInvalidFallbackRequests(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxMessage = 1000; c.MaxUnsent = 64 << 10 })
	long := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		what, request string
		want          int
	}{
		{"a method", streamRequest(s, "PUT", "/connection/http_stream", "{}"), 405},
		{"GET for a POST", streamRequest(s, "GET", "/connection/http_stream", "{}"), 405},
		{"POST for a GET", streamRequest(s, "POST", "/connection/sse", "{}"), 405},
		{"GET of emulation", streamRequest(s, "GET", "/emulation", "{}"), 405},
		{"no connect", streamRequest(s, "POST", "/connection/http_stream", ""), 400},
		{"no connect in the query", streamRequest(s, "GET", "/connection/sse", ""), 400},
		{"a connect request that is no object", streamRequest(s, "POST", "/connection/uni_http_stream", "[]"), 400},
		{"a connect request that is no JSON", streamRequest(s, "POST", "/connection/uni_sse", "{"), 400},
		{"another command behind the connect request", streamRequest(s, "POST", "/connection/uni_sse", `{},"publish":{"channel":"r","data":1}`), 400},
		{"not UTF-8", streamRequest(s, "POST", "/connection/uni_sse", "{\"token\":\"\xff\"}"), 400},
		{"a body too long", streamRequest(s, "POST", "/connection/http_stream", long), 413},
		{"a chunked body too long", fmt.Sprintf("POST /connection/http_stream HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", s.Addr(), len(long), long), 413},
		{"HTTP/1.0", "POST /connection/http_stream HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", 505},
		{"another host", "GET /connection/uni_sse HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
		{"an emulation that is no JSON", streamRequest(s, "POST", "/emulation", "x"), 400},
		{"no data", streamRequest(s, "POST", "/emulation", `{"session":"00000000000000000000000000000000"}`), 400},
		{"data that is no string", streamRequest(s, "POST", "/emulation", `{"session":"00000000000000000000000000000000","data":{}}`), 400},
		{"not UTF-8", streamRequest(s, "POST", "/emulation", "{\"session\":\"00000000000000000000000000000000\",\"data\":\"\xff\"}"), 400},
		{"a session that is none", streamRequest(s, "POST", "/emulation", `{"session":"x","data":"{}"}`), 404},
		{"a session of nobody", streamRequest(s, "POST", "/emulation", `{"session":"00000000000000000000000000000000","data":"{}"}`), 404},
		{"commands too long", streamRequest(s, "POST", "/emulation", `{"session":"00000000000000000000000000000000","data":"`+strings.Repeat("x", 1001)+`"}`), 413},
		{"a body of commands too long", streamRequest(s, "POST", "/emulation", long), 413},
	} {
		resp, body := ask(t, s.Addr().String(), c.request)
		if resp.StatusCode != c.want || !resp.Close || c.want == 404 && body != "" {
			t.Errorf("%s: got %s, close %v, body %.60q; want %d and the end of TCP", c.what, resp.Status, resp.Close, body, c.want)
		}
	}
	if got := s.sessions.Live.Load(); got != 0 {
		t.Errorf("got %d connections", got)
	}
	// The connect command of an SDK is checked by the session, as one of a WebSocket is.
	st := openStream(t, s, "POST", "/connection/http_stream", `{"id":1,"publish":{}}`)
	st.expectEnd(`{"push":{"disconnect":{"code":3501,"reason":"bad request"}}}`)
	st = openStream(t, s, "GET", "/connection/sse", strings.Repeat("x", 1001))
	st.expectEnd(`{"push":{"disconnect":{"code":3501,"reason":"message too big"}}}`)
}

// A session is a capability: nothing but its 128 random bits leads to it.
func TestASessionOfAStreamIsSecret(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	a, b := connectStream(t, s, ""), connectEvents(t, s, "")
	if a.session == b.session {
		t.Fatal("two connections have one session")
	}
	for at := range a.session {
		changed := []byte(a.session)
		changed[at] ^= 1
		if status := postCommands(t, a.commands, "http://"+s.Addr().String(), string(changed), `{"id":9,"rpc":{}}`); status != http.StatusNotFound {
			t.Fatalf("got status %d for the session with another digit at %d", status, at)
		}
	}
	if status := postCommands(t, a.commands, "http://"+s.Addr().String(), a.client, `{"id":9,"rpc":{}}`); status != http.StatusNotFound {
		t.Errorf("got status %d for a client ID", status)
	}
	b.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
	b.expectLine(`{"id":2,"subscribe":{}}`)
	a.sendLine(`{"id":2,"subscribe":{"channel":"other"}}`)
	a.expectLine(`{"id":2,"subscribe":{}}`) // and no reply of b before
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/connections")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	list, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(list), a.client) || strings.Contains(string(list), a.session) {
		t.Errorf("got %v, %s: the list must have the client, and not the session", err, list)
	}
	uni := openStream(t, s, "GET", "/connection/uni_sse", "")
	if line := uni.line(); strings.Contains(line, "session") {
		t.Errorf("got %s: a client without commands has no session", line)
	}
}

func TestUnidirectionalStreams(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Token.HMACSecret = testSecret; c.OtherRooms = "open"; c.PingInterval = time.Second })
	token := signed(map[string]any{"sub": "ann", "channels": []string{"news"}})
	body := fmt.Sprintf("{\n \"token\": %q,\r\n\"name\":\"curl\"}", token)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/connection/uni_http_stream", body}, {"GET", "/connection/uni_sse", body}, {"POST", "/connection/uni_sse", body},
	} {
		st := openStream(t, s, c.method, c.path, c.body)
		var got struct {
			Connect struct {
				Client string
				Ping   int
				Subs   map[string]any
			}
		}
		if line := st.line(); json.Unmarshal([]byte(line), &got) != nil || got.Connect.Client == "" || got.Connect.Ping != 1 || got.Connect.Subs["news"] == nil {
			t.Fatalf("%s: got %s", c.path, line)
		}
		talker := connectSDK(t, s, "")
		talker.sendLine(`{"id":2,"subscribe":{"channel":"news"}}`)
		talker.expectLine(`{"id":2,"subscribe":{}}`)
		talker.sendLine(`{"id":3,"publish":{"channel":"news","data":{"text":"hello\nthere"}}}`)
		st.expectLine(fmt.Sprintf(`{"channel":"news","pub":{"data":{"text":"hello\nthere"},"info":{"user":"","client":"%s"}}}`, publisherOf(t, talker)))
		if line, err := st.next(); err != nil || line != "{}" {
			t.Errorf("%s: got %q, %v; want a ping", c.path, line, err)
		}
		talker.conn.Close()
		s.sessions.Call(func(sh *fanout.Shard) {
			for _, c := range sh.Conns {
				c.End(fanout.ClosedByAdmin, "")
			}
		})
		st.expectEnd(`{"disconnect":{"code":3503,"reason":"force disconnect"}}`)
	}
}

// publisherOf returns the client ID of a connection, from the pushes of its own publications.
func publisherOf(t testing.TB, c *sdk) string {
	t.Helper()
	line := c.line()
	var push struct {
		Push struct {
			Pub struct{ Info struct{ Client string } }
		}
	}
	if json.Unmarshal([]byte(line), &push) != nil || push.Push.Pub.Info.Client == "" {
		t.Fatalf("got %s", line)
	}
	return push.Push.Pub.Info.Client
}

// An error of connect is a disconnect, since a client without commands has no reply for it.
func TestAnErrorOfAUnidirectionalConnectIsADisconnect(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Token.HMACSecret = testSecret; c.MaxRooms = 1 })
	for _, c := range []struct{ token, want string }{
		{signed(map[string]any{"sub": "ann", "exp": 1}), `{"disconnect":{"code":3005,"reason":"connection expired"}}`},
		{"garbage", `{"disconnect":{"code":3500,"reason":"invalid token"}}`},
		{signed(map[string]any{"sub": "ann", "channels": []string{"a", "b"}}), `{"disconnect":{"code":3507,"reason":"limit exceeded"}}`},
	} {
		openStream(t, s, "POST", "/connection/uni_http_stream", fmt.Sprintf(`{"token":%q}`, c.token)).expectEnd(c.want)
	}
}

// A body that does not come is cut, and does not delay others.
func TestAFallbackBodyHasATimeout(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /emulation HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{", s.Addr()); err != nil {
		t.Fatal(err)
	}
	st := connectStream(t, s, "")
	st.sendLine(`{"id":2,"subscribe":{"channel":"r"}}`)
	st.expectLine(`{"id":2,"subscribe":{}}`)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Fatalf("got %v, %v; want 408", resp, err)
	}
}

// A stream may get the place of one that has ended, but not its commands.
func TestAnOldSessionReachesNoOtherStream(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	old := connectStream(t, s, "")
	old.conn.Close()
	eventually(t, "the stream to be removed", func() bool { return s.sessions.Live.Load() == 0 })
	next := connectStream(t, s, "")
	if status := old.post(`{"id":2,"subscribe":{"channel":"a"}}`); status != http.StatusNotFound {
		t.Errorf("got status %d for a command of the old session, want 404", status)
	}
	next.sendLine(`{"id":3,"subscribe":{"channel":"b"}}`)
	if line := next.line(); !strings.HasPrefix(line, `{"id":3,`) {
		t.Errorf("got %s, want the reply to the command of the new session", line)
	}
}

// Commands that do not reach the process of their stream get an error of their own: the client reconnects in both cases, and the operator learns
// that requests are routed to the wrong process.
func TestCommandsForAStreamOfAnotherProcess(t *testing.T) {
	t.Parallel()
	first, second := startServer(t, nil), startServer(t, nil)
	here, there := connectStream(t, first, ""), connectStream(t, second, "")
	if here.node == there.node {
		t.Fatal("two processes have one node")
	}
	const unknown = "00000000000000000000000000000000"
	for _, tt := range []struct {
		name, session, node, result string
		body                        bool
	}{
		{"of the other process", there.session, there.node, "other_process", true},
		{"that is none, of the other process", "x", there.node, "other_process", true},
		{"of the other process, without a node", there.session, "", "unknown_session", false},
		{"that has ended", unknown, here.node, "unknown_session", false},
		{"that has ended, without a node", unknown, "", "unknown_session", false},
	} {
		before := value(t, first, "throng_emulation_requests_total", tt.result)
		request := fmt.Sprintf(`{"session":%q,"node":%q,"data":"{\"id\":2,\"rpc\":{}}"}`, tt.session, tt.node)
		resp, body := ask(t, first.Addr().String(), streamRequest(first, "POST", "/emulation", request))
		if resp.StatusCode != http.StatusNotFound || (body != "") != tt.body || strings.Contains(body, there.node) {
			t.Errorf("a session %s: got %s with body %q, want 404", tt.name, resp.Status, body)
		}
		if got := value(t, first, "throng_emulation_requests_total", tt.result); got != before+1 {
			t.Errorf("a session %s: %s is %v after %v", tt.name, tt.result, got, before)
		}
	}
	// The session decides, not the node.
	resp, _ := ask(t, first.Addr().String(), streamRequest(first, "POST", "/emulation", fmt.Sprintf(`{"session":%q,"node":"x","data":"{\"id\":2,\"subscribe\":{\"channel\":\"r\"}}"}`, here.session)))
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("got %s for a session of this process with another node, want 204", resp.Status)
	}
	here.expectLine(`{"id":2,"subscribe":{}}`)
}
