//go:build unix

package tlsconn

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/tlshandshake"
	"github.com/throng-chat/throng/server/tlsrec"
)

// alertTimeout bounds the time for which a reader waits to send an alert to a peer that receives nothing.
const alertTimeout = time.Second

const (
	readBuffer   = 4 << 10 // bytes read from the socket at a time; nearly all requests are shorter
	streamRecord = 4 << 10 // bytes of data in a record: a peer that takes little is seen to take something
)

// Stream is TLS over a socket that blocks. One goroutine may read, and another one write.
type Stream struct {
	nc      net.Conn
	records *tlsrec.Conn
	answer  atomic.Bool                  // the peer wants a KeyUpdate. Set by the reader, cleared by the writer
	fault   atomic.Pointer[tlsrec.Error] // of the peer; nil for none. Set by the reader
	sending atomic.Bool                  // a goroutine owns records.Out: the writer, or the reader while it sends an alert

	// Owned by the reader.
	plain []byte // opened, and not read
	ended error  // the error after plain; nil before the end

	// Owned by the goroutine that set sending.
	unsent []byte // sealed bytes that the socket did not take before the deadline of a write
	owed   int    // bytes of data that they are part of
}

// NewStream returns the stream after a complete handshake on nc.
func NewStream(nc net.Conn, r *tlshandshake.Result) *Stream {
	s := &Stream{nc: nc, records: r.Conn}
	s.open(r.Rest)
	return s
}

// open opens the records in src.
func (s *Stream) open(src []byte) {
	for s.ended == nil {
		r, rest, err := s.records.In.Open(src)
		src = rest
		switch {
		case err != nil:
			s.ended = err
			if failed := s.reject(err); failed != nil {
				s.ended = errors.Join(err, failed)
			}
		case r.Kind == tlsrec.Closed:
			s.ended = io.EOF
		case r.Kind == tlsrec.UpdateRequested:
			s.answer.Store(true)
		case r.Kind == tlsrec.Data:
			s.plain = append(s.plain, r.Data...)
		case r.Kind == tlsrec.More:
			return
		}
	}
}

// reject sends the alert for a fault of the peer, unless the writer is sending: then CloseNotify does.
func (s *Stream) reject(err error) error {
	fault, ok := errors.AsType[*tlsrec.Error](err)
	if !ok {
		return nil
	}
	s.fault.Store(fault)
	if !s.sending.CompareAndSwap(false, true) {
		return nil
	}
	defer s.sending.Store(false)
	if err := s.nc.SetWriteDeadline(time.Now().Add(alertTimeout)); err != nil {
		return err
	}
	return s.end()
}

// end sends the alert that ends our direction, unless a record is unfinished or the direction has ended. The caller owns records.Out.
func (s *Stream) end() error {
	var cause error
	if fault := s.fault.Load(); fault != nil {
		cause = fault
	}
	if len(s.unsent) > 0 {
		return nil
	}
	alert := s.records.Out.Close(nil, cause)
	if len(alert) == 0 {
		return nil
	}
	_, err := s.nc.Write(alert)
	return err
}

// Read returns data of the peer, and blocks for it. The error after close_notify is io.EOF.
func (s *Stream) Read(b []byte) (int, error) {
	for len(s.plain) == 0 {
		if s.ended != nil {
			return 0, s.ended
		}
		buf := make([]byte, readBuffer)
		n, err := s.nc.Read(buf)
		s.open(buf[:n])
		if err != nil && len(s.plain) == 0 && s.ended == nil {
			return 0, err
		}
	}
	n := copy(b, s.plain)
	if s.plain = s.plain[n:]; len(s.plain) == 0 {
		s.plain = nil
	}
	return n, nil
}

// Rest returns the data that has been opened and not read. Nothing is read after it: the records go to a Conn.
func (s *Stream) Rest() []byte { return s.plain }

// Write seals and sends b. If the deadline of the socket passes within a record, it returns the error of the socket, n is the part of b that was sent
// in whole records, and the next call has to begin with the other bytes of b. moved is how many bytes the socket took. It fails
// after an alert.
func (s *Stream) Write(b []byte) (n, moved int, err error) {
	if !s.sending.CompareAndSwap(false, true) {
		return 0, 0, net.ErrClosed // the reader sends an alert
	}
	defer s.sending.Store(false)
	for n < len(b) || len(s.unsent) > 0 {
		if len(s.unsent) == 0 {
			if s.answer.Load() && s.answer.Swap(false) {
				s.unsent = s.records.Out.KeyUpdate(s.unsent)
			}
			s.owed = min(len(b)-n, streamRecord)
			if s.unsent, err = s.records.Out.Seal(s.unsent, b[n:n+s.owed]); err != nil {
				return n, moved, err
			}
		}
		sent, err := s.nc.Write(s.unsent)
		moved += sent
		if s.unsent = s.unsent[sent:]; len(s.unsent) > 0 {
			return n, moved, err
		}
		s.unsent = nil
		n += s.owed
		s.owed = 0
		if err != nil {
			return n, moved, err
		}
	}
	return n, moved, nil
}

// CloseNotify sends the alert that ends our direction: close_notify, or that for a fault of the peer. It sends nothing if a record is
// unfinished or an alert was sent. Called by the writer.
func (s *Stream) CloseNotify() error {
	if !s.sending.CompareAndSwap(false, true) {
		return nil // the reader sends an alert
	}
	defer s.sending.Store(false)
	return s.end()
}
