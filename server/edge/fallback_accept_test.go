package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/httpstream"
)

// streamRequests are requests for a stream, and whether they need no net/http.
var streamRequests = []struct {
	request string
	ok      bool
}{
	{"GET /connection/sse?cf_connect=%7B%7D HTTP/1.1\r\nHost: a\r\n\r\n", true},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\ncontent-length: 3\r\nOrigin: http://b\r\n\r\nabc", true},
	{"POST /connection/http_stream HTTP/1.1\r\nContent-Length: 0\r\nHost: a\r\n\r\n", true},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", false},   // not complete
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcd", false}, // and more
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\r\n\r\nabc", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\n Content-Length: 3\r\n\r\nabc", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\n\r\n", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n", false},
	{"POST /connection/http_stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n", false},
	{"POST /connection/http_stream HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n", false},
	{"POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
	{"GET /connection/sse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", false},
	{"GET /connection/sse HTTP/1.1\r\nHost: a\r\n\r\nabc", false},
	{"GET /connection/websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", false},
	{"PUT /connection/sse HTTP/1.1\r\nHost: a\r\n\r\n", false},
}

func TestRequestsForStreamsWithoutNetHTTP(t *testing.T) {
	t.Parallel()
	for _, c := range streamRequests {
		if _, ok := parseStreamRequest([]byte(c.request), headOf([]byte(c.request))); ok != c.ok {
			t.Errorf("%q: got %v, want %v", c.request, ok, c.ok)
		}
	}
	long := fmt.Sprintf("POST /connection/sse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", MaxConnectBody+1, strings.Repeat("x", MaxConnectBody+1))
	if _, ok := parseStreamRequest([]byte(long), headOf([]byte(long))); ok {
		t.Error("a body over its limit is accepted")
	}
}

func headOf(request []byte) int {
	return max(0, bytes.Index(request, headEnd)) + len(headEnd)
}

// A request that is accepted is one that net/http reads in the same way.
func FuzzStreamRequest(f *testing.F) {
	for _, c := range streamRequests {
		f.Add([]byte(c.request))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		if !bytes.Contains(request, headEnd) {
			return
		}
		head := headOf(request)
		before := bytes.Clone(request)
		got, ok := parseStreamRequest(request, head)
		if !bytes.Equal(request, before) {
			t.Fatalf("the request was changed to %q", request)
		}
		if !ok {
			return
		}
		from := bufio.NewReader(bytes.NewReader(request))
		want, err := http.ReadRequest(from)
		if err != nil {
			t.Fatalf("net/http rejects it: %v", err)
		}
		body, err := io.ReadAll(want.Body)
		rest, _ := io.ReadAll(from)
		if err != nil || len(rest) > 0 || !bytes.Equal(body, got.body) {
			t.Errorf("got body %q, want %q, %v, and %q follows", got.body, body, err, rest)
		}
		if got.method != want.Method || got.Path != want.URL.Path || got.Query != want.URL.RawQuery || got.Host != want.Host ||
			got.Origin.Value != strings.Trim(want.Header.Get("Origin"), " \t") {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if lengths := httpstream.Lengths.ContentType(); strings.HasPrefix(got.contentType, lengths) != strings.HasPrefix(want.Header.Get("Content-Type"), lengths) {
			t.Errorf("got content type %q, want %q", got.contentType, want.Header.Get("Content-Type"))
		}
	})
}
