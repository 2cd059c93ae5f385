package agent

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// A rejection is reported with the first line of its text, whatever the pieces in which it arrives and whatever ends it.
func TestARejectionIsReportedWithItsText(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
	for name, tt := range map[string]struct{ response, want string }{
		"a length":            {head + "Content-Length: 14\r\n\r\nuse the s-port", "HTTP 400 Bad Request: use the s-port"},
		"a line":              {head + "\r\nuse the s-port\n", "HTTP 400 Bad Request: use the s-port"},
		"the first of two":    {head + "Content-Length: 30\r\n\r\nuse the s-port\r\n", "HTTP 400 Bad Request: use the s-port"},
		"chunks":              {head + "Transfer-Encoding: chunked\r\n\r\n3\r\nuse\r\n7\r\n wss://\r\n0\r\n\r\n", "HTTP 400 Bad Request: use wss://"},
		"no text":             {head + "Content-Length: 0\r\n\r\n", "HTTP 400 Bad Request"},
		"a page":              {"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n", "HTTP 502 Bad Gateway"},
		"a text without end":  {head + "\r\n" + strings.Repeat("x", maxRejection), "HTTP 400 Bad Request: " + strings.Repeat("x", maxQuote-3)},
		"chunks without data": {head + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", maxHead), "HTTP 400 Bad Request"},
	} {
		for _, piece := range []int{1, 7, len(tt.response)} {
			h := newHandshake("r", &Plan{})
			var err error
			done, rest := false, tt.response
			for rest != "" && !done {
				n := min(piece, len(rest))
				_, done, err = h.feed([]byte(rest[:n]))
				rest = rest[n:]
			}
			if !done || err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(err.Error()) > len(tt.want)+len("...")+1 {
				t.Errorf("%s in pieces of %d: got %v (done %v), want %s", name, piece, err, done, tt.want)
			}
		}
	}
}

// A server that closes the connection in the middle of the text has given the status and what there is of the text.
func TestARejectionWithHalfItsTextIsReported(t *testing.T) {
	t.Parallel()
	h := newHandshake("r", &Plan{})
	if _, done, _ := h.feed([]byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\nthis origin")); done {
		t.Fatal("done before the text has arrived")
	}
	var se *statusError
	if err := h.joining(nil, io.EOF); !errors.As(err, &se) || err.Error() != "HTTP 403 Forbidden: this origin" {
		t.Errorf("got %v, want the status and the text", err)
	}
}
