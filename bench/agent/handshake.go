package agent

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// handshake is the opening of a connection, from the request to the response. It is dropped after the response.
type handshake struct {
	key       string
	wants     string     // the requested subprotocol; empty for none
	deflate   bool       // permessage-deflate was requested
	deflation deflation  // what the response says
	head      []byte     // the part of the response that has arrived
	result    chan error // receives exactly one value
	rejected  error      // the status of the response is not 101, and its body has not arrived whole; else nil

	room     string // the name of the room to join
	upgraded bool   // the HTTP part is complete; the protocol's steps follow
	steps    int    // number of completed steps
	came     int    // number of messages since the upgrade that no step expected
	last     string // the last of them, cut to maxQuote bytes
}

// unexpected counts a message that does not complete the current step.
func (h *handshake) unexpected(text []byte) {
	h.came++
	h.last = result.PrintableLine(string(text[:min(len(text), 2*maxQuote)]), maxQuote)
}

// joinError reports a server that accepted the upgrade but did not follow the protocol's steps.
type joinError struct {
	want, last string
	came       int
	end        error // how the opening ended
}

func (je *joinError) Error() string {
	text := "not joined: no response contained " + je.want + ", and "
	switch je.came {
	case 0:
		text += "nothing came"
	case 1:
		text += "the only message was " + je.last
	default:
		text += fmt.Sprintf("the last of %d messages was %s", je.came, je.last)
	}
	return text + " (" + je.end.Error() + ")"
}

func (je *joinError) Unwrap() error { return je.end }

// joining converts the error that ended an opening: after the upgrade, the result names the expected message, and after a rejection its status.
func (h *handshake) joining(p *Protocol, err error) error {
	if h != nil && h.rejected != nil {
		return h.rejected
	}
	if h == nil || !h.upgraded || h.steps >= len(p.Steps) {
		return err
	}
	return &joinError{want: p.Steps[h.steps].Expect, last: h.last, came: h.came, end: err}
}

// rejectedError is a rejection in the protocol's own terms.
type rejectedError struct{ text string }

func (rf *rejectedError) Error() string {
	return "answered " + result.PrintableLine(rf.text, maxQuote)
}

const maxQuote = 200 // length up to which a text of the server is quoted, in bytes

// statusError is a response other than 101, with the first line of its text: it may say what to do.
type statusError struct{ status, line string }

func (se *statusError) Error() string {
	text := "HTTP " + result.PrintableLine(se.status, maxQuote)
	if se.line != "" {
		text += ": " + result.PrintableLine(se.line, maxQuote)
	}
	return text
}

// readRejection sets rejected to the error for a response other than 101, of which the head and the begin of the body have arrived. whole is false
// if more of its first line may arrive. The line of a page in HTML is left out.
func (h *handshake) readRejection() (whole bool) {
	r, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(h.head), 512), nil)
	if err != nil {
		h.rejected = errBadAnswer // not possible: checkAnswer has read the head
		return true
	}
	se := &statusError{status: r.Status}
	h.rejected = se
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		return true
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRejection))
	line, _, ended := bytes.Cut(body, []byte("\n"))
	se.line = strings.TrimSpace(string(line))
	isSized := r.ContentLength >= 0 || len(r.TransferEncoding) > 0
	return ended || len(h.head) >= maxHead || len(body) == maxRejection || err == nil && isSized
}

var (
	errHeadTooBig  = fmt.Errorf("handshake response exceeds %d bytes", maxHead)
	errBadAnswer   = errors.New("handshake response is not HTTP")
	errBadUpgrade  = errors.New("invalid handshake response (Upgrade, Connection or Sec-WebSocket-Accept is wrong)")
	errUnrequested = errors.New("handshake response names an extension or a subprotocol that was not requested")
)

func newHandshake(room string, plan *Plan) *handshake {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return &handshake{key: base64.StdEncoding.EncodeToString(raw[:]), result: make(chan error, 1), room: room, wants: cmp.Or(plan.Subprotocol, plan.Protocol.Subprotocol), deflate: plan.Compress}
}

// feed adds bytes of the response. When the response is complete, done is true and rest holds the bytes after it.
func (h *handshake) feed(b []byte) (rest []byte, done bool, err error) {
	seen := max(len(h.head)-3, 0)
	h.head = append(h.head, b...)
	if h.rejected != nil {
		return nil, h.readRejection(), h.rejected
	}
	i := bytes.Index(h.head[seen:], []byte("\r\n\r\n"))
	switch {
	case i < 0 && len(h.head) > maxHead, seen+i+4 > maxHead:
		return nil, true, errHeadTooBig
	case i < 0:
		return nil, false, nil
	}
	end := seen + i + 4
	if h.deflation, err = checkAnswer(h.head[:end], h); !errors.As(err, new(*statusError)) {
		return h.head[end:], true, err
	}
	done = h.readRejection()
	return nil, done, h.rejected
}

// checkAnswer checks a handshake response as RFC 6455, 4.1 requires.
func checkAnswer(head []byte, h *handshake) (deflation, error) {
	r, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), 512), nil)
	if err != nil {
		return uncompressed, errBadAnswer
	}
	_ = r.Body.Close() // only the head counts, and the body is in memory
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		return uncompressed, &statusError{status: r.Status}
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"),
		!hasToken(r.Header.Values("Connection"), "upgrade"),
		r.Header.Get("Sec-WebSocket-Accept") != ws.AcceptKey(h.key):
		return uncompressed, errBadUpgrade
	case !h.deflate && r.Header.Get("Sec-WebSocket-Extensions") != "", !slices.Contains([]string{"", h.wants}, r.Header.Get("Sec-WebSocket-Protocol")):
		return uncompressed, errUnrequested
	}
	return agreed(r.Header.Values("Sec-WebSocket-Extensions"))
}

func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}
