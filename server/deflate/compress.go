package deflate

import (
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	level = 5 // as small as level 6 of the standard library for chat messages, at a quarter of its time

	// MinMessage is the size in bytes below which a message is not compressed: it gains less than a packet needs.
	MinMessage = 128

	// MaxMessage is the size in bytes above which a message is not compressed, since it would delay its shard for milliseconds.
	MaxMessage = 128 << 10

	emptyBlock = "\x00\x00\xff\xff" // ends each compressed message, and is not sent (RFC 7692, 7.2.1)
)

// Cost estimates the time to compress n bytes, in nanoseconds.
func Cost(n int) int { return 5000 + 8*n }

// Compressor compresses messages, each by itself. It is a loan of the package, about 1 MB: call Release. It is not safe for concurrent use.
type Compressor struct {
	out    buffer
	writer *flate.Writer
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

var compressors = sync.Pool{New: func() any {
	c := &Compressor{}
	w, err := flate.NewWriter(&c.out, level)
	if err != nil {
		panic(err) // the level is a constant
	}
	c.writer = w
	return c
}}

// NewCompressor returns a Compressor. Any goroutine may call it.
func NewCompressor() *Compressor { return compressors.Get().(*Compressor) }

// Release ends the loan. Results of Message are not valid after it.
func (c *Compressor) Release() { compressors.Put(c) }

// Message returns the compressed form of a message, the payload of a frame with RSV1. It is valid until the next call. ok is false if the
// message is outside MinMessage and MaxMessage, or if its compressed form is not shorter: then it is sent as it is.
func (c *Compressor) Message(payload []byte) (compressed []byte, ok bool) {
	if len(payload) < MinMessage || len(payload) > MaxMessage {
		return nil, false
	}
	c.out = c.out[:0]
	c.writer.Reset(&c.out)
	if _, err := c.writer.Write(payload); err != nil {
		return nil, false // a buffer returns no error
	}
	if err := c.writer.Flush(); err != nil {
		return nil, false
	}
	return c.flushed(len(payload))
}
