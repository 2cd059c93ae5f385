package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/centrifugal/protocol"
)

// apiAnswer writes the body of one answer of the server API while it is made: at most about one piece of it is in memory. Each
// piece has apiWriteTimeout to be taken, so a caller that reads is never cut, and one that does not read is. It belongs to the
// goroutine of the request.
type apiAnswer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	status  int
	buf     []byte
	sent    int   // bytes given to w
	err     error // why the rest is not written: the caller has gone
}

const (
	ApiPiece        = 32 << 10 // bytes
	apiWriteTimeout = 10 * time.Second
)

// streamed is a result that may be long. It is written a part at a time and never exists as a whole.
type streamed interface {
	// size is how many bytes it has, about.
	size() int
	// writeTo writes it, and stops where the caller has gone. ctx is the request's.
	writeTo(ctx context.Context, to *apiAnswer)
}

func NewAPIAnswer(w http.ResponseWriter, status int) *apiAnswer {
	return &apiAnswer{w: w, control: http.NewResponseController(w), status: status}
}

// written is how many bytes the answer has so far.
func (aa *apiAnswer) written() int { return aa.sent + len(aa.buf) }

// raw adds JSON as it is.
func (aa *apiAnswer) raw(text string) { aa.buf = append(aa.buf, text...) }

// Write adds JSON as it is, for an encoder. It does not fail.
func (aa *apiAnswer) Write(b []byte) (int, error) {
	aa.buf = append(aa.buf, b...)
	return len(b), nil
}

// Value adds a value as JSON.
func (aa *apiAnswer) Value(ctx context.Context, v any) {
	if long, is := v.(streamed); is {
		long.writeTo(ctx, aa)
		return
	}
	encoder := json.NewEncoder(aa)
	encoder.SetEscapeHTML(false) // what users said stays as they said it
	if err := encoder.Encode(v); err != nil {
		panic(err) // one of our own types, all of which are JSON
	}
	aa.buf = aa.buf[:len(aa.buf)-1] // Encode ends a line
	aa.step()
}

// step sends what was added, once it is a piece. It is false where the caller has gone.
func (aa *apiAnswer) step() bool {
	if len(aa.buf) >= ApiPiece {
		aa.send()
	}
	return aa.err == nil
}

// gone says whether nobody waits for the rest.
func (aa *apiAnswer) gone(ctx context.Context) bool {
	if aa.err == nil {
		aa.err = ctx.Err()
	}
	return aa.err != nil
}

// send gives what was added to the connection, a piece at a time.
func (aa *apiAnswer) send() {
	for rest := aa.buf; len(rest) > 0 && aa.err == nil; {
		aa.begin()
		if aa.err = aa.limit(time.Now().Add(apiWriteTimeout)); aa.err != nil {
			break
		}
		var n int
		n, aa.err = aa.w.Write(rest[:min(len(rest), ApiPiece)])
		aa.sent += n
		rest = rest[n:]
	}
	if aa.buf = aa.buf[:0]; cap(aa.buf) > 4*ApiPiece {
		aa.buf = nil
	}
}

// limit sets when the connection must have taken what it is given; the zero time is never.
func (aa *apiAnswer) limit(at time.Time) error {
	if err := aa.control.SetWriteDeadline(at); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil // no connection: a test's
}

// begin sends the head, once.
func (aa *apiAnswer) begin() {
	if aa.sent == 0 {
		aa.w.Header().Set("Content-Type", "application/json")
		aa.w.WriteHeader(aa.status)
	}
}

// End sends the rest. The deadline of the last piece stands for what net/http sends behind it. Where the caller has gone it
// panics with http.ErrAbortHandler, which is how net/http has a handler end the connection: half an answer must not look whole.
func (aa *apiAnswer) End(ctx context.Context) {
	aa.raw("\n")
	aa.send()
	if aa.err != nil {
		panic(http.ErrAbortHandler)
	}
	// A server without a write timeout would leave that deadline to the connection's next request.
	if by, is := ctx.Value(http.ServerContextKey).(*http.Server); is && by.WriteTimeout == 0 {
		if errors.Join(aa.control.Flush(), aa.limit(time.Time{})) != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// reply is the answer of one method.
type reply struct {
	Result any             `json:"result,omitempty"`
	Error  *protocol.Error `json:"error,omitempty"`
}

// nothing is the result of a method that only does something.
type nothing struct{}

// WriteReply writes {"result":{}} or {"error":{}}, with an id where there is one.
func WriteReply(ctx context.Context, to *apiAnswer, id uint64, result any, e *protocol.Error) {
	to.raw("{")
	if id != 0 {
		to.buf = fmt.Appendf(to.buf, `"id":%d,`, id)
	}
	if e != nil {
		to.raw(`"error":`)
		to.Value(ctx, e)
	} else {
		to.raw(`"result":`)
		to.Value(ctx, result)
	}
	to.raw("}")
}
