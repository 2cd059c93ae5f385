package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
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
	// Size is how many bytes it has, about.
	Size() int
	// writeTo writes it, and stops where the caller has gone. ctx is the request's.
	writeTo(ctx context.Context, to *apiAnswer)
}

func NewAPIAnswer(w http.ResponseWriter, status int) *apiAnswer {
	return &apiAnswer{w: w, control: http.NewResponseController(w), status: status}
}

// written is how many bytes the answer has so far.
func (a *apiAnswer) written() int { return a.sent + len(a.buf) }

// raw adds JSON as it is.
func (a *apiAnswer) raw(text string) { a.buf = append(a.buf, text...) }

// Write adds JSON as it is, for an encoder. It does not fail.
func (a *apiAnswer) Write(b []byte) (int, error) {
	a.buf = append(a.buf, b...)
	return len(b), nil
}

// Value adds a value as JSON.
func (a *apiAnswer) Value(ctx context.Context, v any) {
	if long, is := v.(streamed); is {
		long.writeTo(ctx, a)
		return
	}
	encoder := json.NewEncoder(a)
	encoder.SetEscapeHTML(false) // what users said stays as they said it
	if err := encoder.Encode(v); err != nil {
		panic(err) // one of our own types, all of which are JSON
	}
	a.buf = a.buf[:len(a.buf)-1] // Encode ends a line
	a.step()
}

// step sends what was added, once it is a piece. It is false where the caller has gone.
func (a *apiAnswer) step() bool {
	if len(a.buf) >= ApiPiece {
		a.send()
	}
	return a.err == nil
}

// gone says whether nobody waits for the rest.
func (a *apiAnswer) gone(ctx context.Context) bool {
	if a.err == nil {
		a.err = ctx.Err()
	}
	return a.err != nil
}

// send gives what was added to the connection, a piece at a time.
func (a *apiAnswer) send() {
	for rest := a.buf; len(rest) > 0 && a.err == nil; {
		a.begin()
		if a.err = a.limit(time.Now().Add(apiWriteTimeout)); a.err != nil {
			break
		}
		var n int
		n, a.err = a.w.Write(rest[:min(len(rest), ApiPiece)])
		a.sent += n
		rest = rest[n:]
	}
	if a.buf = a.buf[:0]; cap(a.buf) > 4*ApiPiece {
		a.buf = nil
	}
}

// limit sets when the connection must have taken what it is given; the zero time is never.
func (a *apiAnswer) limit(at time.Time) error {
	if err := a.control.SetWriteDeadline(at); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil // no connection: a test's
}

// begin sends the head, once.
func (a *apiAnswer) begin() {
	if a.sent == 0 {
		a.w.Header().Set("Content-Type", "application/json")
		a.w.WriteHeader(a.status)
	}
}

// End sends the rest. The deadline of the last piece stands for what net/http sends behind it. Where the caller has gone it
// panics with http.ErrAbortHandler, which is how net/http has a handler end the connection: half an answer must not look whole.
func (a *apiAnswer) End(ctx context.Context) {
	a.raw("\n")
	a.send()
	if a.err != nil {
		panic(http.ErrAbortHandler)
	}
	// A server without a write timeout would leave that deadline to the connection's next request.
	if by, is := ctx.Value(http.ServerContextKey).(*http.Server); is && by.WriteTimeout == 0 {
		if errors.Join(a.control.Flush(), a.limit(time.Time{})) != nil {
			panic(http.ErrAbortHandler)
		}
	}
}
