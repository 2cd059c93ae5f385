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

	// messageEnd is what a message has lost (emptyBlock), and an empty final block: so the reader ends there.
	messageEnd = emptyBlock + "\x01\x00\x00\xff\xff"
)

// Inflater inflates messages of clients, each by itself. It is a loan of the package, about 40 KB: call Release. It is not safe for concurrent
// use.
type Inflater struct {
	in, out []byte
	source  bytes.Reader
	reader  io.ReadCloser // also a flate.Resetter
}

var inflaters = sync.Pool{New: func() any {
	i := &Inflater{}
	i.reader = flate.NewReader(&i.source)
	return i
}}

// NewInflater returns an Inflater. Any goroutine may call it.
func NewInflater() *Inflater { return inflaters.Get().(*Inflater) }

// Release ends the loan. Results of Message are not valid after it.
func (i *Inflater) Release() {
	if cap(i.in) > keptBuffer {
		i.in = nil
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
// if the message has more than limit bytes, after limit + 1 bytes at most, or ErrCorrupt.
func (i *Inflater) Message(payload []byte, limit int) ([]byte, error) {
	i.in = append(append(i.in[:0], payload...), messageEnd...)
	i.source.Reset(i.in)
	out := i.out[:0]
	// A client may end its stream with BFINAL. A reader ends there, and another one continues with the same window (7.2.3.4).
	for range maxStreams {
		if err := i.reader.(flate.Resetter).Reset(&i.source, out[max(0, len(out)-maxDistance):]); err != nil {
			return nil, ErrCorrupt
		}
		var err error
		out, err = i.stream(out, limit)
		i.out = out
		switch {
		case err != nil:
			return nil, err
		case i.source.Len() <= len(messageEnd):
			return out, nil
		}
	}
	return nil, ErrCorrupt
}

// stream appends the content of one stream to out, up to limit + 1 bytes in total.
func (i *Inflater) stream(out []byte, limit int) ([]byte, error) {
	for {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(max(firstOutput, 2*cap(out)), limit+1))
			copy(grown, out)
			out = grown
		}
		n, err := i.reader.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return out, ErrTooBig
		case err == io.EOF:
			return out, nil
		case err != nil:
			return out, ErrCorrupt
		}
	}
}
