package server

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// RFC 9112, 2.2, 5.2 and 3.2: a head that a proxy may read differently gets status 400 at once, on every path.
func TestAmbiguousHeadsAreRejected(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, path := range []string{"/ws", chat.SessionPath, "/", edge.GuestPath} {
		good := upgradeRequest("localhost", path)
		before := value(t, s, "throng_handshakes_total", metrics.HandshakeMalformed)
		for name, head := range map[string]string{
			"LF alone":                         strings.ReplaceAll(good, "\r\n", "\n"),
			"LF alone behind the request line": strings.Replace(good, "\r\n", "\n", 1),
			"LF alone behind the last line":    strings.Replace(good, "\r\n\r\n", "\n\r\n\r\n", 1),
			"LF alone at the end":              strings.Replace(good, "\r\n\r\n", "\r\n\n", 1),
			"a folded value":                   strings.Replace(good, "Upgrade: ", "Upgrade:\r\n ", 1),
			"a folded value, by a tab":         strings.Replace(good, "\r\n\r\n", "\r\nX: y\r\n\tz\r\n\r\n", 1),
			"a space before the first line":    strings.Replace(good, "\r\n", "\r\n Host: evil.example\r\n", 1),
			"a space in Host":                  strings.Replace(good, "localhost", "a b", 1),
			"a user in Host":                   strings.Replace(good, "localhost", "a@b", 1),
			"two ports in Host":                strings.Replace(good, "localhost", "a:80:80", 1),
			"half a bracket in Host":           strings.Replace(good, "localhost", "[::1", 1),
			"a path in Host":                   strings.Replace(good, "localhost", "a/b", 1),
			"two Hosts":                        strings.Replace(good, "\r\n\r\n", "\r\nHost: b\r\n\r\n", 1),
			"a space before the colon of Host": strings.Replace(good, "Host:", "Host :", 1),
			"a space before a colon":           strings.Replace(good, "\r\n\r\n", "\r\nOrigin : https://evil.example\r\n\r\n", 1),
			"a tab before a colon":             strings.Replace(good, "\r\n\r\n", "\r\nOrigin\t: https://evil.example\r\n\r\n", 1),
			"a NUL in a value":                 strings.Replace(good, "\r\n\r\n", "\r\nX: \x00\r\n\r\n", 1),
			"CR alone":                         strings.Replace(good, "\r\n\r\n", "\r\nX: a\rOrigin: b\r\n\r\n", 1),
		} {
			if resp, body := ask(t, s.Addr().String(), head); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s, %s: got %s %q, want 400", path, name, resp.Status, body)
			}
		}
		if got := value(t, s, "throng_handshakes_total", metrics.HandshakeMalformed) - before; got < 7 {
			t.Errorf("%s: got %v counted as malformed, want those that the acceptor rejects", path, got)
		}
	}
}

// Bytes after a handshake are read into a shared buffer. They stay with their connection, also if other connections arrive before they are
// handled.
func TestBytesAfterTheHeadBelongToTheirConnection(t *testing.T) {
	s := startServer(t, nil)
	release := hold(s)
	const clients = 20
	word := func(i int) string { return fmt.Sprintf("the words of %02d", i) }
	var all [clients]*client
	for i := range all {
		conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		all[i] = &client{t: t, conn: conn}
		hello := []byte(upgradeRequest(s.Addr().String(), fmt.Sprintf("/ws?room=%02d", i)))
		all[i].write(ws.AppendMaskedFrame(hello, ws.OpText, 7, []byte(word(i))))
	}
	eventually(t, "all to be connected", func() bool { return s.sessions.Live.Load() == clients })
	release()
	for i, c := range all {
		c.expectUpgrade()
		c.expect(ws.OpText, word(i))
	}
}

// Bytes after a head that arrives in pieces are handled. The pending connection is removed when its handshake is complete.
func TestBytesAfterAHeadInPiecesAreHandled(t *testing.T) {
	s := startServer(t, nil)
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn}
	hello := upgradeRequest(s.Addr().String(), "/ws?room=lobby")
	c.write([]byte(hello[:20]))
	eventually(t, "the server to wait for the rest", func() bool { return s.edge.Pending.Count() == 1 })
	c.write(ws.AppendMaskedFrame([]byte(hello[20:]), ws.OpText, 7, []byte("first words")))
	c.expectUpgrade()
	c.expect(ws.OpText, "first words")
	h := s.edge.Pending
	if got := h.Length(h.Waiting, h.Responding, h.Flushing, h.Idle, h.AwaitingProxy, h.Trusted); got != 0 {
		t.Errorf("got %d pending connections, want none", got)
	}
}

// A request with the API key does not wait for guest requests.
func TestARequestWithTheAPIKeyGoesFirst(t *testing.T) {
	s := startAPI(t)
	for _, keyed := range []bool{true, false} {
		request := "POST /api/info HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
		if keyed {
			request += "X-API-Key: " + s.cfg.API.Key + "\r\n"
		}
		d := &edge.Acceptor{Edge: s.edge, Log: s.log, HTTP: make(chan net.Conn), HTTPWithKey: make(chan net.Conn), Closed: make(chan struct{})}
		ours, theirs := testkit.Pipe(t)
		t.Cleanup(func() { theirs.Close(); ours.Close() })
		c := &edge.PendingConn{Conn: ours, ReadAhead: []byte(request + "\r\n{}")}
		s.edge.Pending.Begin(c)
		go d.ReadHandshake(c)
		select {
		case <-d.HTTPWithKey:
			if !keyed {
				t.Error("without the key: went first")
			}
		case <-d.HTTP:
			if keyed {
				t.Error("with the key: did not go first")
			}
		case <-time.After(testTimeout):
			t.Fatal("the connection was not passed on")
		}
		s.edge.Pending.End(c)
	}
}

// Browsers fail a connection if the response selects none of the offered subprotocols.
func TestAnOfferedSubprotocolIsSelected(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, tt := range []struct{ query, offered, want string }{
		{"", "", ""},
		{"", "centrifuge-json", "centrifuge-json"},
		{"", "centrifuge-protobuf", "centrifuge-protobuf"},
		{"", "x, centrifuge-json", "centrifuge-json"},
		{"", "x", ""},
		{"?format=json", "centrifuge-json", "centrifuge-json"},
		{"?cf_protocol=protobuf", "", ""},
		{"?cf_protocol=protobuf", "centrifuge-protobuf", "centrifuge-protobuf"},
	} {
		for _, more := range []string{"", "Content-Length: 0\r\n"} { // which the acceptor passes to net/http
			lines := more
			if tt.offered != "" {
				lines += "Sec-WebSocket-Protocol: " + tt.offered + "\r\n"
			}
			request := strings.Replace(upgradeRequest("localhost", chat.SessionPath+tt.query), "\r\n\r\n", "\r\n"+lines+"\r\n", 1)
			resp, body := ask(t, s.Addr().String(), request)
			if got := resp.Header["Sec-Websocket-Protocol"]; resp.StatusCode != 101 || strings.Join(got, "|") != tt.want {
				t.Errorf("%s %q: got %s %q with %q, want %q", tt.query, lines, resp.Status, body, got, tt.want)
			}
		}
	}
}
