package deflate

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// The errors of Inflater.Message.
var (
	ErrTooBig  = errors.New("message is larger than its limit")
	ErrCorrupt = errors.New("compressed message is not valid")
)

const (
	maxDistance = 32 << 10 // bytes
	maxStreams  = 64       // of one message: each needs a copy of maxDistance bytes
	firstOutput = 4 << 10  // bytes
	keptBuffer  = 64 << 10 // bytes; an Inflater with a larger buffer does not keep it

	// MaxPerWindow is the number of bytes of the compressed form that may be read for the next 32 KiB of a message. Honest clients need 32 KiB and
	// some headers. Blocks without content could need any number, at 110 ns a byte.
	MaxPerWindow = 40 << 10

	stepInput  = 8 << 10   // bytes of the compressed form after which a step ends; it reads MaxPerWindow more at most
	stepOutput = 256 << 10 // bytes of the message after which a step ends

	// messageEnd is what a message has lost (emptyBlock), and an empty final block: so the reader ends there.
	messageEnd = emptyBlock + "\x01\x00\x00\xff\xff"
)

// Inflater inflates messages of clients, each by itself and in steps, so that a long message does not hold the caller. It is a loan of the
// package, about 40 KB: call Release. It is not safe for concurrent use.
type Inflater struct {
	in     []byte // the compressed form and messageEnd
	buffer []byte // of in, for short messages
	out    []byte
	limit  int // bytes of the message

	source  bytes.Reader  // in, up to end
	reader  io.ReadCloser // also a flate.Resetter
	end     int           // bytes of in that source has
	at      int           // bytes of in that were read
	streams int
	ended   bool // the last stream
}

var inflaters = sync.Pool{New: func() any {
	i := &Inflater{}
	i.reader = flate.NewReader(&i.source)
	return i
}}

// NewInflater returns an Inflater. Any goroutine may call it.
func NewInflater() *Inflater { return inflaters.Get().(*Inflater) }

// Release ends the loan. Results of Message and Payload are not valid after it.
func (i *Inflater) Release() {
	i.in = nil
	if cap(i.buffer) > keptBuffer {
		i.buffer = nil
	}
	if cap(i.out) > keptBuffer {
		i.out = nil
	}
	inflaters.Put(i)
}

// MaxCompressed returns how many bytes a message of limit bytes may have in its compressed form: a client may compress data that does not
// shrink.
func MaxCompressed(limit int) int { return limit + limit>>8 + 64 }

// Message returns the message whose compressed form is the payload of frames with RSV1. It is valid until the next call. The error is ErrTooBig
// if the message has more than limit bytes, after limit + 1 bytes at most, or if its form has more than MaxPerWindow bytes for 32 KiB. Else it is
// ErrCorrupt.
func (i *Inflater) Message(payload []byte, limit int) ([]byte, error) {
	i.Begin(payload, limit)
	for {
		if done, err := i.Step(); done || err != nil {
			return i.Payload(), err
		}
	}
}

// Begin starts with another message of at most limit bytes: Step continues. The Inflater keeps a payload of more than 64 KiB and may append to
// it.
func (i *Inflater) Begin(payload []byte, limit int) {
	if len(payload) <= keptBuffer {
		i.buffer = append(append(i.buffer[:0], payload...), messageEnd...)
		i.in = i.buffer
	} else {
		i.in = append(payload, messageEnd...)
	}
	i.out, i.limit, i.at, i.streams, i.ended = i.out[:0], limit, 0, 0, true
}

// Step inflates a part of the message: it reads stepInput + MaxPerWindow bytes at most, and makes stepOutput and 32 KiB at most. That takes 5 ms, and
// as long again when the buffer of a message of 16 MiB grows. done reports that the message is complete. The errors are those of Message.
func (i *Inflater) Step() (done bool, err error) {
	in, out := i.at, len(i.out)
	for {
		ended, err := i.read()
		left := len(i.in) - i.at
		switch {
		case err != nil:
			i.out = i.out[:0]
			return false, err
		case ended && left <= len(messageEnd):
			return true, nil
		case left > len(messageEnd) && (i.at-in >= stepInput || len(i.out)-out >= stepOutput):
			return false, nil
		}
	}
}

// Payload returns what is inflated of the message, nothing after an error. It is valid until the next call of another method.
func (i *Inflater) Payload() []byte { return i.out }

// Held returns the number of bytes that the message needs.
func (i *Inflater) Held() int { return cap(i.in) + cap(i.out) }

// read appends up to 32 KiB to out, which then has limit + 1 bytes at most. ended reports the end of a stream. A client may end one with
// BFINAL: the reader ends there, and another stream continues with the same window (RFC 7692, 7.2.3.4).
func (i *Inflater) read() (ended bool, err error) {
	if len(i.out) == cap(i.out) {
		grown := make([]byte, len(i.out), min(max(firstOutput, 2*cap(i.out)), i.limit+1))
		copy(grown, i.out)
		i.out = grown
	}
	i.extend()
	if i.ended {
		if err := i.nextStream(); err != nil {
			return false, err
		}
	}
	n, err := i.reader.Read(i.out[len(i.out):min(cap(i.out), i.limit+1)])
	i.out = i.out[:len(i.out)+n]
	i.at = i.end - i.source.Len()
	i.ended = err == io.EOF
	switch {
	case len(i.out) > i.limit, err != nil && !i.ended && i.at == i.end && i.end < len(i.in):
		return false, ErrTooBig
	case err != nil && !i.ended:
		return false, ErrCorrupt
	}
	return i.ended, nil
}

// extend lets the reader read MaxPerWindow bytes of in from at on.
func (i *Inflater) extend() {
	i.end = min(i.at+MaxPerWindow, len(i.in))
	i.source.Reset(i.in[:i.end])
	if _, err := i.source.Seek(int64(i.at), io.SeekStart); err != nil {
		panic(err) // at is within the bytes
	}
}

// nextStream begins a stream, with the end of out as its window.
func (i *Inflater) nextStream() error {
	if i.streams++; i.streams > maxStreams || i.reader.(flate.Resetter).Reset(&i.source, i.out[max(0, len(i.out)-maxDistance):]) != nil {
		return ErrCorrupt
	}
	return nil
}
