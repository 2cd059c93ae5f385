package httpstream

import (
	"context"
	"errors"
	"sync"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// MaxQueued is the number of bytes of commands that wait for the loop to read them. A longer command waits only if the queue is empty.
const MaxQueued = 64 << 10

var (
	// ErrClosed means that the connection has ended.
	ErrClosed = errors.New("the connection has ended")

	// errExtraBytes ends a connection whose client sends bytes after its request.
	errExtraBytes = errors.New("bytes after the request of a stream")
)

// Transport is the connection of an HTTP response that does not end. Its bytes to the client are those of the transport below. Its bytes
// from the client are the commands of other requests, each as a WebSocket message. Set the transport below, which has sent and received nothing.
type Transport struct {
	fanout.Transport // of the response

	mu    sync.Mutex // a leaf
	queue *queue     // guarded by mu: nil while it is empty, as it is most of the time
	ended bool       // guarded by mu

	Place uint32 // of the session, for its owner; constant once other requests can find it
}

// queue has the commands that the loop has not read.
type queue struct {
	unread []byte
	space  chan struct{} // closed when the loop has read some; nil if nobody waits
}

// AppendMessage appends commands as the WebSocket message of a client. The mask is zero, so that the bytes stay as they are.
func AppendMessage(b []byte, op ws.Opcode, commands []byte) []byte {
	return ws.AppendMaskedFrame(b, op, 0, commands)
}

// Put queues commands of another request in a message of type op. If the queue is full, it waits until the loop has read, or ctx ends. The
// error is that of ctx, or ErrClosed. After Put, the poller of the connection must read from it.
func (t *Transport) Put(ctx context.Context, op ws.Opcode, commands []byte) error {
	for {
		t.mu.Lock()
		if t.ended {
			t.mu.Unlock()
			return ErrClosed
		}
		if t.queue == nil {
			t.queue = &queue{}
		}
		q := t.queue
		if len(q.unread) == 0 || len(q.unread)+len(commands) <= MaxQueued {
			q.unread = AppendMessage(q.unread, op, commands)
			t.mu.Unlock()
			return nil
		}
		if q.space == nil {
			q.space = make(chan struct{})
		}
		space := q.space
		t.mu.Unlock()
		select {
		case <-space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Read reads queued commands. If there are none, it reads from the socket, whose client must be silent. Called on the poller.
func (t *Transport) Read(p []byte) (n int, more bool, err error) {
	if n = t.take(p); n > 0 {
		return n, true, nil
	}
	n, more, err = t.Transport.Read(p)
	if n > 0 {
		return 0, false, errExtraBytes
	}
	return 0, more, err
}

// HasAlert reports whether the transport below has an alert for the peer.
func (t *Transport) HasAlert() bool {
	below, ok := t.Transport.(fanout.Alerter)
	return ok && below.HasAlert()
}

var _ fanout.Alerter = (*Transport)(nil)

// take moves commands from the queue to p, and wakes the requests that wait for space.
func (t *Transport) take(p []byte) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queue
	if q == nil {
		return 0
	}
	n = copy(p, q.unread)
	q.unread = q.unread[n:]
	if q.space != nil {
		close(q.space)
		q.space = nil
	}
	if len(q.unread) == 0 {
		t.queue = nil
	}
	return n
}

// Close makes Put fail from now on. Any goroutine may call it, more than once.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.queue != nil && t.queue.space != nil {
		close(t.queue.space)
	}
	t.queue = nil
}
