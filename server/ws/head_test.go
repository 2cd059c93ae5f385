package ws

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// judge returns what the Server of net/http does with a head: the request that its handler gets, or nil and the status of the rejection.
func judge(t testing.TB, head []byte) (r *http.Request, status int) {
	t.Helper()
	conn := &oneRequest{in: bytes.NewReader(head), closed: make(chan struct{})}
	served := make(chan struct{})
	s := http.Server{
		Handler:  http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) { r = got.Clone(context.Background()) }),
		ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(served)
			}
		},
	}
	s.SetKeepAlivesEnabled(false)
	if err := s.Serve(&oneListener{conn: conn}); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	<-served
	if r != nil {
		return r, 0
	}
	answer, err := http.ReadResponse(bufio.NewReader(&conn.out), nil)
	if err != nil {
		return nil, 0 // it hung up without a word
	}
	return nil, answer.StatusCode
}

type oneListener struct{ conn net.Conn }

func (l *oneListener) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	return nil, io.EOF
}
func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

// oneRequest is a connection that sends a head and then ends.
type oneRequest struct {
	in     *bytes.Reader
	out    bytes.Buffer
	closed chan struct{}
}

func (c *oneRequest) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c *oneRequest) Write(b []byte) (int, error)      { return c.out.Write(b) }
func (c *oneRequest) Close() error                     { return nil }
func (c *oneRequest) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *oneRequest) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *oneRequest) SetDeadline(time.Time) error      { return nil }
func (c *oneRequest) SetReadDeadline(time.Time) error  { return nil }
func (c *oneRequest) SetWriteDeadline(time.Time) error { return nil }

// agrees checks that the Server of net/http accepts each head that ParseHead accepts, and reads it the same.
func agrees(t *testing.T, head []byte) (accepted bool) {
	t.Helper()
	var got Head
	if !ParseHead(head, &got) {
		return false
	}
	r, status := judge(t, head)
	if r == nil {
		t.Fatalf("%q is accepted, and refused by net/http: %d", head, status)
	}
	want, err := HeadOf(r)
	// net/http adds a line for Cache-Control where Pragma alone says no-cache.
	if r.Header.Get("Pragma") == "no-cache" && want.Lines == got.Lines+1 {
		want.Lines--
	}
	if err != nil || got != want {
		t.Fatalf("%q\ngot  %+v\nwant %+v, %v", head, got, want, err)
	}
	if reason := MalformedHead(head); reason != "" {
		t.Fatalf("%q is accepted, and malformed: %s", head, reason)
	}
	return true
}

// sureHeads are heads of browsers and clients.
var sureHeads = []string{
	request(),
	request("GET /ws?room=a&u=http://b HTTP/1.1"),
	request("GET /connection/websocket?cf_protocol=protobuf HTTP/1.1", "Sec-WebSocket-Protocol: centrifuge-protobuf"),
	request("GET /ws? HTTP/1.1"),
	request("GET /ws?room=%E8%8C%B6 HTTP/1.1"),
	request("Host: [::1]:3000"),
	request("Host: 127.0.0.1:3000", "Origin: http://127.0.0.1:3000", "X-Forwarded-For: 198.51.100.7, 10.0.0.1"),
	request("Connection: keep-alive, Upgrade", "Pragma: no-cache", "Cache-Control: no-cache", "Accept-Encoding: gzip, deflate, br",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Accept-Language: de,en-US;q=0.7", "Cookie: a=\"b\"; c=é", "Sec-Fetch-Mode: websocket",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
	request("uPGRADE: websocket", "Upgrade:-"),
	request("X-Empty:", "X-Spaces: \t x \t "),
	request("Pragma: no-cache"),
}

// unsureHeads are heads that net/http must judge.
var unsureHeads = []string{
	"", "\r\n", "\r\n\r\n", "GET\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET HTTP/1.1\r\n\r\n",
	request("POST /ws HTTP/1.1"), request("get /ws HTTP/1.1"), request("GET /ws HTTP/1.0"), request("GET /ws HTTP/2.0"),
	request("GET  /ws HTTP/1.1"), request("GET /ws  HTTP/1.1"), request("GET /ws\tHTTP/1.1"), request("GET /w s HTTP/1.1"),
	request("GET //ws HTTP/1.1"), request("GET http://x/ws HTTP/1.1"), request("GET * HTTP/1.1"), request("GET ws HTTP/1.1"),
	request("GET /%77s HTTP/1.1"), request("GET /ws#x HTTP/1.1"), request("GET /ws?a#x HTTP/1.1"), request("GET /ws?a\x01 HTTP/1.1"),
	request("GET /ws?é HTTP/1.1"), request("GET /w:s HTTP/1.1"),
	request("Host:-"), request("Host:"), request("Host: a b"), request("Host: a/b"), request("Host: u@a"), request("Host: é"),
	request("host: b"), request("Host : chat.example"), request("Origin : https://evil.example"), request("Origin\t: x"),
	request(": x"), request("no colon"), request("X y: z"), request("X\x00: z"), request("X: \x00"), request("X: \x7f"), request("X: a\rb"),
	request("É: x"), request("X(: x"),
	request("Origin: http://a", "origin: http://b"), request("connection: x"), request("X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 2.2.2.2"),
	request("Content-Length: 0"), request("content-length: 5"), request("Transfer-Encoding: chunked"), request("Trailer: x"), request("Expect: 100-continue"),
	strings.ReplaceAll(request(), "\r\n", "\n"), strings.Replace(request(), "\r\n", "\n", 1), strings.Replace(request(), "Upgrade: w", "Upgrade:\r\n w", 1),
	strings.Replace(request(), "\r\nHost", "\r\n Host", 1), request()[:len(request())-2], request() + "x", "\r\n" + request(),
	strings.Replace(request(), "\r\n\r\n", "\r\n\n", 1), strings.Replace(request(), "\r\n", "\r\r\n", 1),
}

func TestParseHead(t *testing.T) {
	for _, head := range sureHeads {
		if !agrees(t, []byte(head)) {
			t.Errorf("%q is left to net/http", head)
		}
	}
	for _, head := range unsureHeads {
		if agrees(t, []byte(head)) {
			t.Errorf("%q is accepted", head)
		}
	}
	for _, tt := range append(goodRequests, struct{ name, raw string }{"an oddly cased one", request("GeT /ws HTTP/1.1")}) {
		agrees(t, []byte(tt.raw))
	}
}

// A head that is cut at any byte, or has one changed byte, is read as net/http reads it, or not accepted.
func TestParseHeadOfDamagedHeads(t *testing.T) {
	head := request("Host: a.b:80", "Origin: http://a.b", "X-Forwarded-For: 1.2.3.4", "Sec-WebSocket-Protocol: x")
	for i := range head {
		if agrees(t, []byte(head[:i])) {
			t.Errorf("%q is accepted", head[:i])
		}
		for _, c := range []byte{0, '\t', '\n', '\r', ' ', '#', '%', ':', '?', ',', '/', 'a', 0x7F, 0xC3} {
			agrees(t, []byte(head[:i]+string([]byte{c})+head[i+1:]))
			agrees(t, []byte(head[:i]+string([]byte{c})+head[i:]))
		}
	}
}

func TestMalformedHeads(t *testing.T) {
	for head, want := range map[string]string{
		"":                                "",
		request():                         "",
		"GET / HT":                        "",
		"GET / HTTP/1.1\r":                "",
		"GET / HTTP/1.1\r\n":              "",
		"GET / HTTP/1.1\n":                "LF",
		"\n":                              "LF",
		"\r\n\n":                          "LF",
		"GET / HTTP/1.1\r\nHost: a\nX":    "LF",
		"GET / HTTP/1.1\r\nX: y\r\n z":    "folded",
		"GET / HTTP/1.1\r\n\tX: y\r\n":    "folded",
		"GET / HTTP/1.1\r\nX: a\rb\r\n":   "", // net/http refuses it
		"GET / HTTP/1.1\r\nX: y\r\n\r\n ": "folded",
	} {
		got := MalformedHead([]byte(head))
		if got != "" && want == "" || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
	}
}

func FuzzHead(f *testing.F) {
	for _, head := range append(sureHeads, unsureHeads...) {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, head []byte) { agrees(t, head) })
}

// Parsing, rules and accept key of a good handshake allocate only the response.
func TestAHandshakeTakesOneAllocation(t *testing.T) {
	head := []byte(sureHeads[6])
	var h Head
	var answer []byte
	n := testing.AllocsPerRun(100, func() {
		if !ParseHead(head, &h) || h.Check() != nil {
			t.Fatal("not accepted")
		}
		answer = SwitchingProtocols(h.Key.Value, "", "")
	})
	if n != 1 || len(answer) != cap(answer) {
		t.Errorf("got %v allocations, and an answer of %d bytes in %d, want 1 that fits", n, len(answer), cap(answer))
	}
}

func BenchmarkParseHead(b *testing.B) {
	head := []byte(sureHeads[7])
	var h Head
	for b.Loop() {
		if !ParseHead(head, &h) || h.Check() != nil {
			b.Fatal("not accepted")
		}
	}
}
