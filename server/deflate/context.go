package deflate

import "github.com/klauspost/compress/flate"

const (
	contextSize  = 8 << 10 // bytes that a context has at most; the compressor uses no more
	maxInContext = 4 << 10 // bytes of a message that is compressed with a context; a longer one has enough context of its own

	// contextWindow is the least window for a context, which is half of it.
	contextWindow Window = 11
)

// ContextCost estimates the time to compress n bytes with a context, in nanoseconds.
func ContextCost(n int) int { return 7000 + 11*n }

// Context is the end of what a group of clients has inflated: all of them the same compressed messages, in the same order. A message that is
// compressed with it refers to them, as with context takeover. But the clients share the compressed form, and none has a compressor of its own.
// An empty context is right for every client. It is not safe for concurrent use.
//
// The caller calls Add for each compressed message that it sends to the group, in order, also if that was compressed by itself. Messages
// that are sent as they are do not count: the clients do not inflate them.
type Context struct {
	window []byte
	size   int // bytes that window has at most
}

// NewContext returns an empty context of clients with a window.
func NewContext(w Window) *Context { return &Context{size: min(contextSize, 1<<w.Alone()/2)} }

// Empty reports whether there is nothing to refer to.
func (x *Context) Empty() bool { return len(x.window) == 0 }

// Clear empties the context.
func (x *Context) Clear() { x.window = x.window[:0] }

// Fits reports whether a message of n bytes may be compressed with the context. Its longest distance is then within the window.
func (x *Context) Fits(n int) bool { return n <= min(maxInContext, x.size) }

// Add appends a message that the group inflates.
func (x *Context) Add(payload []byte) {
	if x.window == nil {
		x.window = make([]byte, 0, x.size)
	}
	payload = payload[max(0, len(payload)-x.size):]
	if excess := len(x.window) + len(payload) - x.size; excess > 0 {
		x.window = x.window[:copy(x.window, x.window[excess:])]
	}
	x.window = append(x.window, payload...)
}

// InContext is Message for clients with a context, which is not changed. ok is false also if the message does not fit.
func (c *Compressor) InContext(payload []byte, x *Context) (compressed []byte, ok bool) {
	if len(payload) < MinMessage || !x.Fits(len(payload)) {
		return nil, false
	}
	c.out = c.out[:0]
	// It indexes 8 KiB for each message. The writer with a dictionary takes up to twice its time.
	if err := flate.StatelessDeflate(&c.out, payload, false, x.window); err != nil {
		return nil, false // a buffer returns no error
	}
	return c.flushed(len(payload))
}

// flushed returns the output of a flushed stream without its last block, if that is shorter than size.
func (c *Compressor) flushed(size int) (compressed []byte, ok bool) {
	n := len(c.out) - len(emptyBlock)
	if n < 1 || string(c.out[n:]) != emptyBlock || n >= size {
		return nil, false
	}
	return c.out[:n], true
}
