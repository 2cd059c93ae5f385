package agent

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// handshake is a connection's opening, from the request to its answer. It is dropped with the answer.
type handshake struct {
	key    string
	wants  string     // the subprotocol that is asked for; empty for none
	head   []byte     // what has come of the answer
	result chan error // gets exactly one value

	room     string // the name of the room to join
	upgraded bool   // HTTP is over; the protocol's own steps are to do
	steps    int    // of those, done
	came     int    // messages since the upgrade that were not what a step waits for
	last     string // the last of them, as much as is told
}

// unexpected notes a message that is not what was waited for.
func (h *handshake) unexpected(text []byte) {
	h.came++
	h.last = result.PrintableLine(string(text[:min(len(text), 2*maxRefusal)]), maxRefusal)
}

// joinError is a server that took the upgrade, and did not answer as the protocol has it.
type joinError struct {
	want, last string
	came       int
	end        error // how it ended
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

// joining is err as the end of an opening: after the upgrade, it says what was waited for.
func (h *handshake) joining(p *Protocol, err error) error {
	if h == nil || !h.upgraded || h.steps >= len(p.Steps) {
		return err
	}
	return &joinError{want: p.Steps[h.steps].Expect, last: h.last, came: h.came, end: err}
}

// refusedError is a protocol's answer that is a refusal.
type refusedError struct{ text string }

func (rf *refusedError) Error() string {
	return "answered " + result.PrintableLine(rf.text, maxRefusal)
}

const maxRefusal = 200 // bytes that are told of what a server says

// statusError is an answer that is no upgrade.
type statusError struct{ status string }

func (se *statusError) Error() string { return "HTTP " + result.PrintableLine(se.status, maxRefusal) }

var (
	errHeadTooBig = fmt.Errorf("handshake response exceeds %d bytes", maxHead)
	errBadAnswer  = errors.New("handshake response is not HTTP")
	errBadUpgrade = errors.New("invalid handshake response (Upgrade, Connection or Sec-WebSocket-Accept is wrong)")
	errUnasked    = errors.New("handshake response names an extension or a subprotocol that was not requested")
)

func newHandshake(room, subprotocol string) *handshake {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return &handshake{key: base64.StdEncoding.EncodeToString(raw[:]), result: make(chan error, 1), room: room, wants: subprotocol}
}

// feed takes bytes of the answer. When it is whole, done is true and rest is what came behind it.
func (h *handshake) feed(b []byte) (rest []byte, done bool, err error) {
	seen := max(len(h.head)-3, 0)
	h.head = append(h.head, b...)
	i := bytes.Index(h.head[seen:], []byte("\r\n\r\n"))
	switch {
	case i < 0 && len(h.head) > maxHead, seen+i+4 > maxHead:
		return nil, true, errHeadTooBig
	case i < 0:
		return nil, false, nil
	}
	end := seen + i + 4
	return h.head[end:], true, checkAnswer(h.head[:end], h.key, h.wants)
}

// checkAnswer is the client's part of RFC 6455, 4.1.
func checkAnswer(head []byte, key, subprotocol string) error {
	r, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), 512), nil)
	if err != nil {
		return errBadAnswer
	}
	// Nothing of it is read: the head is all there is.
	_ = r.Body.Close()
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		return &statusError{r.Status}
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"),
		!hasToken(r.Header.Values("Connection"), "upgrade"),
		r.Header.Get("Sec-WebSocket-Accept") != ws.AcceptKey(key):
		return errBadUpgrade
	case r.Header.Get("Sec-WebSocket-Extensions") != "", !slices.Contains([]string{"", subprotocol}, r.Header.Get("Sec-WebSocket-Protocol")):
		return errUnasked
	}
	return nil
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
