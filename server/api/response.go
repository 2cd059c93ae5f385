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

// response writes the body of one response of the server API in pieces, so that a long body is never in memory as a whole. Each piece must be
// read within pieceTimeout: a caller that stops reading is disconnected. It belongs to the goroutine of the request.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
	status  int
	buf     []byte
	sent    int   // bytes written to w
	err     error // nil while the caller is connected; then nothing more is written
}

const (
	ResponsePiece = 32 << 10 // bytes
	pieceTimeout  = 10 * time.Second
)

// sized is a result that a batch compares with the rest of its budget.
type sized interface {
	// size returns about how many bytes its JSON has.
	size() int
}

// streamed is a result that may be long. It is encoded in parts.
type streamed interface {
	// writeTo writes its JSON. It stops early if the caller has disconnected. ctx is that of the request.
	writeTo(ctx context.Context, to *response)
}

func NewResponse(w http.ResponseWriter, status int) *response {
	return &response{w: w, control: http.NewResponseController(w), status: status}
}

// written returns the number of bytes added so far.
func (resp *response) written() int { return resp.sent + len(resp.buf) }

// raw adds JSON text.
func (resp *response) raw(text string) { resp.buf = append(resp.buf, text...) }

// Write adds JSON text, for an encoder. It returns no error.
func (resp *response) Write(b []byte) (int, error) {
	resp.buf = append(resp.buf, b...)
	return len(b), nil
}

// Value adds a value as JSON.
func (resp *response) Value(ctx context.Context, v any) {
	if long, is := v.(streamed); is {
		long.writeTo(ctx, resp)
		return
	}
	encoder := json.NewEncoder(resp)
	encoder.SetEscapeHTML(false) // keep < > & as they were published
	if err := encoder.Encode(v); err != nil {
		panic(err) // all results are types of this package, and encode without error
	}
	resp.buf = resp.buf[:len(resp.buf)-1] // Encode ends a line
	resp.step()
}

// step sends the buffer if it is as long as a piece. It returns false if the caller has disconnected.
func (resp *response) step() bool {
	if len(resp.buf) >= ResponsePiece {
		resp.send()
	}
	return resp.err == nil
}

// callerGone reports whether the caller has disconnected.
func (resp *response) callerGone(ctx context.Context) bool {
	if resp.err == nil {
		resp.err = ctx.Err()
	}
	return resp.err != nil
}

// send writes the buffer to the connection in pieces.
func (resp *response) send() {
	for rest := resp.buf; len(rest) > 0 && resp.err == nil; {
		resp.begin()
		if resp.err = resp.limit(time.Now().Add(pieceTimeout)); resp.err != nil {
			break
		}
		var n int
		n, resp.err = resp.w.Write(rest[:min(len(rest), ResponsePiece)])
		resp.sent += n
		rest = rest[n:]
	}
	if resp.buf = resp.buf[:0]; cap(resp.buf) > 4*ResponsePiece {
		resp.buf = nil
	}
}

// limit sets the write deadline of the connection; the zero time is none.
func (resp *response) limit(at time.Time) error {
	if err := resp.control.SetWriteDeadline(at); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil // a test without a connection
}

// begin writes the response head before the first piece.
func (resp *response) begin() {
	if resp.sent == 0 {
		resp.w.Header().Set("Content-Type", "application/json")
		resp.w.WriteHeader(resp.status)
	}
}

// End sends the rest of the body. The deadline of the last piece also holds for what net/http still writes. If the caller has disconnected,
// End panics with http.ErrAbortHandler, so that net/http closes the connection: a partial body must not look complete.
func (resp *response) End(ctx context.Context) {
	resp.raw("\n")
	resp.send()
	if resp.err != nil {
		panic(http.ErrAbortHandler)
	}
	// Without a write timeout of the server, the deadline would also hold for the next request of the connection.
	if by, is := ctx.Value(http.ServerContextKey).(*http.Server); is && by.WriteTimeout == 0 {
		if errors.Join(resp.control.Flush(), resp.limit(time.Time{})) != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// reply is the reply to one call: a result or an error.
type reply struct {
	Result any             `json:"result,omitempty"`
	Error  *protocol.Error `json:"error,omitempty"`
}

// emptyResult is {}: the result of a method that returns no data.
type emptyResult struct{}

// WriteReply writes {"result":{}} or {"error":{}}, with "id" unless it is 0.
func WriteReply(ctx context.Context, to *response, id uint64, result any, e *protocol.Error) {
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
