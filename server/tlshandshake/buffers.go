package tlshandshake

import (
	"bytes"
	"sync"

	"github.com/lesismal/llib/std/crypto/tls"
)

// bufferSize is the capacity of a pooled buffer, in bytes: a hello with a post-quantum key share, and the server's flight with a usual chain.
const bufferSize = 8 << 10

var bufferPool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// buffers gives llib the buffers of one handshake. llib keeps its buffers while it waits for the peer: trim makes them small. It is owned by
// the goroutine of the handshake.
type buffers struct {
	tls.NativeAllocator
	given []*[]byte // not freed
}

var _ tls.Allocator = (*buffers)(nil)

// Malloc returns a buffer of size bytes, which may have any content.
func (bs *buffers) Malloc(size int) *[]byte {
	var b []byte
	if size > bufferSize {
		b = make([]byte, size)
	} else {
		b = bufferPool.Get().(*[bufferSize]byte)[:size]
	}
	bs.given = append(bs.given, &b)
	return &b
}

// Free takes a buffer back. llib does not use it any more.
func (bs *buffers) Free(b *[]byte) {
	for i, g := range bs.given {
		if g == b {
			bs.given = append(bs.given[:i], bs.given[i+1:]...)
			break
		}
	}
	pool(b)
}

// trim takes the memory that the content of the buffers does not need, before a wait for the peer. llib gets more from Append.
func (bs *buffers) trim() {
	for _, b := range bs.given {
		content := bytes.Clone(*b)
		pool(b)
		*b = content
	}
}

// pool puts the memory of a buffer into the pool.
func pool(b *[]byte) {
	if cap(*b) == bufferSize {
		bufferPool.Put((*[bufferSize]byte)((*b)[:bufferSize]))
	}
	*b = nil
}
