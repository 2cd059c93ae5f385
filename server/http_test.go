package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// ask sends a raw request and returns the response and its body.
func ask(t testing.TB, address, request string) (*http.Response, string) {
	t.Helper()
	conn, err := dialPublic(&net.Dialer{}, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	// The server may answer and end TCP before it has read a long request, so the response decides.
	_, sent := io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no response: %v", errors.Join(err, sent))
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Origins = []string{"https://friend.example"} })
	good := []string{
		"GET /ws HTTP/1.1",
		"Host: " + s.Addr().String(),
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}
	replace := func(prefix string, with ...string) []string {
		var lines []string
		for _, line := range good {
			if strings.HasPrefix(line, prefix) {
				lines = append(lines, with...)
			} else {
				lines = append(lines, line)
			}
		}
		return lines
	}
	and := func(lines ...string) []string { return append(append([]string(nil), good...), lines...) }
	many := func(n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("X-%d: x", i))
		}
		return lines
	}
	for _, tt := range []struct {
		name   string
		lines  []string
		want   int
		header string
		value  string
	}{
		{name: "a good one", lines: good, want: 101, header: "Sec-Websocket-Accept", value: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{name: "unknown extensions are declined", lines: and("Sec-WebSocket-Extensions: permessage-bzip2"), want: 101, header: "Sec-Websocket-Extensions"},
		{name: "version 8", lines: replace("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), want: 426, header: "Sec-Websocket-Version", value: "13"},
		{name: "no version", lines: replace("Sec-WebSocket-Version"), want: 426, header: "Sec-Websocket-Version", value: "13"},
		{name: "no key", lines: replace("Sec-WebSocket-Key"), want: 400},
		{name: "a short key", lines: replace("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhl"), want: 400},
		{name: "a key that is no base64", lines: replace("Sec-WebSocket-Key", "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="), want: 400},
		{name: "two keys", lines: and("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), want: 400},
		{name: "no Upgrade", lines: replace("Upgrade"), want: 400},
		{name: "Upgrade to something else", lines: replace("Upgrade", "Upgrade: h2c"), want: 400},
		{name: "two Upgrades", lines: and("Upgrade: websocket"), want: 400},
		{name: "no Connection", lines: replace("Connection"), want: 400},
		{name: "no Host", lines: replace("Host"), want: 400},
		{name: "two Hosts", lines: and("Host: example.org"), want: 400},
		{name: "an empty Host", lines: replace("Host", "Host:"), want: 400},
		{name: "HTTP/1.0", lines: replace("GET", "GET /ws HTTP/1.0"), want: 400},
		{name: "POST", lines: replace("GET", "POST /ws HTTP/1.1"), want: 405},
		{name: "a body", lines: and("Content-Length: 0", "Transfer-Encoding: chunked"), want: 400},
		{name: "an absolute target", lines: replace("GET", "GET http://example.org/ws HTTP/1.1"), want: 400},
		{name: "64 header lines", lines: and(many(edge.MaxHeadLines - 4)...), want: 101},
		{name: "65 header lines", lines: and(many(edge.MaxHeadLines - 3)...), want: 431},
		{name: "a head over 8 KiB", lines: and("X: " + strings.Repeat("x", edge.MaxHead)), want: 431},
		{name: "a page of this host", lines: and("Origin: http://" + s.Addr().String()), want: 101},
		{name: "a page of an allowed host", lines: and("Origin: https://friend.example"), want: 101},
		{name: "a page of another host", lines: and("Origin: https://evil.example"), want: 403},
		{name: "a page from a file", lines: and("Origin: null"), want: 403},
		{name: "another room", lines: replace("GET", "GET /ws?room=%E8%8C%B6 HTTP/1.1"), want: 101},
		{name: "an empty room name", lines: replace("GET", "GET /ws?room= HTTP/1.1"), want: 400},
		{name: "a room name of 255 bytes", lines: replace("GET", "GET /ws?room="+strings.Repeat("x", 255)+" HTTP/1.1"), want: 101},
		{name: "a room name of 256 bytes", lines: replace("GET", "GET /ws?room="+strings.Repeat("x", 256)+" HTTP/1.1"), want: 400},
		{name: "a room name with a control character", lines: replace("GET", "GET /ws?room=a%0Ab HTTP/1.1"), want: 400},
		{name: "a room name that is not UTF-8", lines: replace("GET", "GET /ws?room=%FF HTTP/1.1"), want: 400},
		{name: "two room names", lines: replace("GET", "GET /ws?room=a&room=b HTTP/1.1"), want: 400},
		{name: "a query that is none", lines: replace("GET", "GET /ws?room=%zz HTTP/1.1"), want: 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, s.Addr().String(), strings.Join(tt.lines, "\r\n")+"\r\n\r\n")
			if resp.StatusCode != tt.want {
				t.Fatalf("got %s %q, want %d", resp.Status, body, tt.want)
			}
			if got := resp.Header.Get(tt.header); tt.header != "" && got != tt.value {
				t.Errorf("header %s: got %q, want %q", tt.header, got, tt.value)
			}
			if tt.want == 403 && !strings.Contains(body, "--origin") {
				t.Errorf("got %q, want it to name --origin", body)
			}
		})
	}
}

// A request that announces a body and does not send it gets its response, and its connection is closed.
func TestAnUnusedBodyIsNotRead(t *testing.T) {
	s := startServer(t, nil)
	testkit.Within(t, "a response, without a wait for the body,", edge.HeadTimeout, func() time.Duration {
		start := time.Now()
		resp, _ := ask(t, s.Addr().String(), "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
		if resp.StatusCode != http.StatusOK || !resp.Close {
			t.Errorf("got %s, close %v; want the page, then the end", resp.Status, resp.Close)
		}
		return time.Since(start)
	})
}

// The second request of a connection may be a handshake with a long head and messages directly after it.
func TestAHandshakeAfterAnotherRequestKeepsFollowingBytes(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn}
	bytes := []byte("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
	bytes = append(bytes, strings.Replace(upgradeRequest("localhost", "/ws"), "\r\n\r\n", "\r\nX: "+strings.Repeat("x", 3900)+"\r\n\r\n", 1)...)
	for i := range 20 {
		bytes = ws.AppendMaskedFrame(bytes, ws.OpText, 1, fmt.Appendf(nil, "%d", i))
	}
	c.write(bytes)
	c.reader = bufio.NewReader(conn)
	for _, want := range []int{http.StatusNotFound, http.StatusSwitchingProtocols} {
		c.deadline()
		resp, err := http.ReadResponse(c.reader, nil)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("got %v, %v; want %d", resp, err, want)
		}
		if want == http.StatusNotFound {
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 20 {
		c.expect(ws.OpText, fmt.Sprint(i))
	}
}

func TestAFullServerRejectsBeforeTheUpgrade(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 3 })
	for range 3 {
		dial(t, s, "lobby")
	}
	resp, _ := ask(t, s.Addr().String(), upgradeRequest("localhost", "/ws"))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("got %s, Retry-After %q; want 503 with one", resp.Status, resp.Header.Get("Retry-After"))
	}
}

func TestAPlaceIsFreeAfterADisconnect(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 1 })
	for range 20 {
		c := dial(t, s, "lobby")
		c.conn.Close()
		eventually(t, "the place to be free", func() bool { return s.sessions.Live.Load() == 0 })
	}
	if got := s.sessions.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms, want 0: all are empty", got)
	}
}
