package edge

import (
	"bytes"
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// Handshake is a connection on its way to its first request, or that net/http answers requests of.
type Handshake struct {
	*net.TCPConn
	peer      netip.Addr
	Remote    netip.AddrPort // peer and its port
	Address   netip.Addr     // what counts as one; the zero Addr for a proxy, which comes for many
	ReadAhead []byte         // bytes of the request that were read ahead of net/http
	Owner     owner          // nil until Begin
	gate      chan struct{}  // of those at work; constant from Accept on
	resting   atomic.Bool    // its place is given back
	until     time.Time      // by which an answer must be written; owned by the goroutine that writes
	Source    *chat.Address  // guarded by Handshakes.Mu; nil where it does not count
	in        *list.List     // guarded by Handshakes.Mu
	At        *list.Element  // guarded by Handshakes.Mu; nil when in none
	Since     time.Time      // guarded by Handshakes.Mu: of its last change or progress
	Unsent    int            // guarded by Handshakes.Mu: bytes that the kernel held at the last look, while flushing
	evicted   bool           // guarded by Handshakes.Mu
	ended     bool           // guarded by Handshakes.Mu: after it was evicted
	gone      chan struct{}  // closed when it is evicted; nil until Begin
	hasKey    bool           // guarded by Handshakes.Mu: of the server API
	Whole     bool           // constant after Begin: the head has been read
}

// owner is told of what becomes of an answer.
type owner interface {
	progressed(c *Handshake) // its peer has taken bytes of its answer
	refusedSlow()            // an answer is cut, since its peer takes no more of it
}

// RemoteAddr is right even for a peer that reset the connection before net.FileConn asked for its address.
func (c *Handshake) RemoteAddr() net.Addr {
	if c.Remote.IsValid() {
		return netpoll.PeerAddr{AddrPort: c.Remote}
	}
	return c.TCPConn.RemoteAddr()
}

// Read gives the bytes that were read ahead, then those of the socket.
func (c *Handshake) Read(b []byte) (int, error) {
	if len(c.ReadAhead) > 0 {
		n := copy(b, c.ReadAhead)
		if c.ReadAhead = c.ReadAhead[n:]; len(c.ReadAhead) == 0 {
			c.ReadAhead = nil
		}
		return n, nil
	}
	return c.TCPConn.Read(b)
}

var headEnd = []byte("\r\n\r\n")

// ReadHead reads until the end of a head is among the bytes read, and returns where, or 0 when they are too many to be one. malformed is
// why the head, or what has come of it, is refused.
func (c *Handshake) ReadHead() (end int, malformed string, err error) {
	for from, line := 0, 0; ; {
		if at := bytes.Index(c.ReadAhead[from:], headEnd); at >= 0 {
			end = from + at + len(headEnd)
			return end, ws.MalformedHead(c.ReadAhead[line:end]), nil
		}
		if malformed = ws.MalformedHead(c.ReadAhead[line:]); malformed != "" || len(c.ReadAhead) >= MaxHead {
			return 0, malformed, nil
		}
		// An end may have begun in the bytes before, and the line behind the last CRLF not.
		from = max(0, len(c.ReadAhead)-len(headEnd)+1)
		line = max(0, bytes.LastIndexByte(c.ReadAhead, '\n')-1)
		c.ReadAhead = slices.Grow(c.ReadAhead, 512)
		n, err := c.TCPConn.Read(c.ReadAhead[len(c.ReadAhead):min(cap(c.ReadAhead), MaxHead)])
		c.ReadAhead = c.ReadAhead[:len(c.ReadAhead)+n]
		if n == 0 && err != nil {
			return 0, "", err
		}
	}
}

// socketKey is that of a request's context where its *Handshake is.
type socketKey struct{}

func socketOf(r *http.Request) *Handshake { return r.Context().Value(socketKey{}).(*Handshake) }
