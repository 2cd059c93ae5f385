package tlsclient

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/throng-chat/throng/server/tlsrec"
)

// busy is how recent the use before has to be for an AES object to be kept, in nanoseconds. Without it, the next record makes it again (0.5 µs).
const busy = 2_000_000_000

// Session is the TLS of a connection after its handshake. It takes 340 bytes, beside 1.2 KB for each direction in use with AES-GCM.
type Session struct {
	records tlsrec.Conn // In: owned by the poller. Out: guarded by mu
	answer  atomic.Bool // the server wants a KeyUpdate. Set by the poller, cleared by Write

	// Owned by the poller.
	lastIn int64 // time of the last read
	ended  error // the error after the data that Read has returned; nil before the end

	mu      sync.Mutex // so that records are sent in the order of their numbers. Held while socket.Write runs, which does not block
	lastOut int64      // time of the last write
}

var errEarly = &Error{text: "the server sent data before the request"}

// early opens the records that arrived with the handshake.
func (s *Session) early(sealed []byte) error {
	for {
		r, rest, err := s.records.In.Open(sealed)
		sealed = rest
		switch {
		case err != nil:
			return explain(err)
		case r.Kind == tlsrec.Data:
			return errEarly
		case r.Kind == tlsrec.Closed:
			return io.EOF
		case r.Kind == tlsrec.UpdateRequested:
			s.answer.Store(true)
		case r.Kind == tlsrec.More:
			s.records.In.Park()
			return nil
		}
	}
}

// Read reads once from socket, and opens the records into p, which has tlsrec.MaxPlaintext bytes or more. more is set if another call may
// return data. wire is the number of bytes read from socket. The error is io.EOF after close_notify and at the end of socket, and EAGAIN if
// socket is empty. now is the time in nanoseconds. Called by one goroutine at a time.
func (s *Session) Read(socket io.Reader, p []byte, now int64) (n, wire int, more bool, err error) {
	if s.ended != nil {
		return 0, 0, false, s.ended
	}
	src := p
	if need := s.records.In.Need(); need > 0 { // p has space for the record of which In holds a part, but not for bytes after it
		src = p[:min(need, len(p))]
	}
	wire, err = socket.Read(src)
	switch {
	case errors.Is(err, syscall.EINTR):
		return 0, 0, true, nil
	case err != nil:
		return 0, 0, false, err
	case wire == 0:
		return 0, 0, false, io.EOF
	}
	more = wire == len(src)
	for src = src[:wire]; ; {
		r, rest, err := s.records.In.Open(src)
		src = rest
		switch {
		case err != nil:
			s.ended = explain(err)
			return n, wire, true, nil
		case r.Kind == tlsrec.Closed:
			s.ended = io.EOF
			return n, wire, true, nil
		case r.Kind == tlsrec.UpdateRequested:
			s.answer.Store(true)
		case r.Kind == tlsrec.Data:
			n += copy(p[n:], r.Data) // in front of the bytes that are still to be opened
		case r.Kind == tlsrec.More:
			if now-s.lastIn > busy {
				s.records.In.Park()
			}
			s.lastIn = now
			return n, wire, more, nil
		}
	}
}

// buffers are for sealed records, until they are sent.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, tlsrec.SealedLen(tlsrec.MaxPlaintext))
	return &b
}}

// Write seals b and passes the records to socket, which must take all of them or fail. now is the time in nanoseconds. Any goroutine may call
// it.
func (s *Session) Write(socket io.Writer, b []byte, now int64) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed := (*buf)[:0]
	if s.answer.Load() && s.answer.Swap(false) {
		sealed = s.records.Out.KeyUpdate(sealed)
	}
	sealed, err := s.records.Out.Seal(sealed, b)
	if err != nil {
		return err
	}
	if now-s.lastOut > busy {
		s.records.Out.Park()
	}
	s.lastOut = now
	_, err = socket.Write(sealed)
	return err
}
