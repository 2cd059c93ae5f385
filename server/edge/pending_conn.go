package edge

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/proxyheader"
	"github.com/throng-chat/throng/server/tlsconn"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

const (
	ResponseStall   = 1500 * time.Millisecond // without progress of a response, the connection is closed; checked every 500 ms, so the close comes within 2 s
	responseTimeout = time.Minute             // for a whole response: of a slow peer that makes progress
)

// stallCheck is the interval at which a blocked write checks its progress.
const stallCheck = ResponseStall / 3

// PendingConn is a connection of the public port that is not in the event loop: its first request has not arrived, or net/http handles its
// requests. Fields without a note are owned by the goroutine that reads the head, then by net/http.
type PendingConn struct {
	netpoll.Conn
	tls       *tlsconn.Stream // over Conn; nil without TLS
	peer      netip.Addr      // the zero Addr for a peer of a Unix socket
	remote    netip.AddrPort  // peer and its port
	Address   netip.Addr      // guarded by Pending.Mu: address key of the peer; the zero Addr for a trusted proxy, which has many clients
	ReadAhead []byte          // bytes of the request that were read before net/http reads
	owner     owner           // nil until Begin
	slot      cpuSlot         // while its first request uses the CPU; held by Accept
	until     time.Time       // deadline of the response; owned by the goroutine that writes
	source    *chat.Address   // guarded by Pending.Mu: the address that counts this connection, or nil
	in        *list.List      // guarded by Pending.Mu
	At        *list.Element   // guarded by Pending.Mu; nil if in no list
	Since     time.Time       // guarded by Pending.Mu: time of the last change of state, or progress
	waiter    *list.Element   // guarded by Pending.Mu: in the list of its address (waiters); nil for none
	number    uint64          // guarded by Pending.Mu: its order among the waiters
	queued    bool            // guarded by Pending.Mu: its TLS handshake waits for a processor, and has not yet answered the client
	unsent    int             // guarded by Pending.Mu: bytes in the kernel at the last check, while flushing
	evicted   bool            // guarded by Pending.Mu
	ended     bool            // guarded by Pending.Mu: after it was evicted
	gone      chan struct{}   // closed by the eviction; nil until Begin
	hasKey    bool            // guarded by Pending.Mu: a request had a valid API key
	HeadRead  bool            // the head has been read; constant after Begin

	awaitsProxyHeader bool // the first bytes must be a PROXY protocol header
	proxied           bool // such a header was read, so peer and remote are those of the client in it
}

// owner receives the progress of the responses.
type owner interface {
	progressed(c *PendingConn) // the peer of c has received bytes of its response
	countStalled()             // a connection is closed because its peer receives no more bytes
}

// RemoteAddr returns the address of the peer, even if the peer reset the connection before net.FileConn read the address.
func (c *PendingConn) RemoteAddr() net.Addr { return netpoll.AddrOf(c.remote) }

// Read returns the bytes of ReadAhead, then those of the socket.
func (c *PendingConn) Read(b []byte) (int, error) {
	if len(c.ReadAhead) > 0 {
		n := copy(b, c.ReadAhead)
		if c.ReadAhead = c.ReadAhead[n:]; len(c.ReadAhead) == 0 {
			c.ReadAhead = nil
		}
		return n, nil
	}
	return c.receive(b)
}

// rejectWith sends a response and waits until the peer closes, so that a reset does not discard the response. Pending bounds the time and the
// number of these connections.
func (c *PendingConn) rejectWith(response string) error {
	if _, err := io.WriteString(c, response); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, io.LimitReader(c.Conn, MaxHead))
	return err
}

var headEnd = []byte("\r\n\r\n")

// malformedTLS is why the hello of a TLS client is not a head.
const malformedTLS = "the first bytes are those of TLS, and this port speaks plain HTTP: use http:// or ws://, or the TLS port"

// malformedProxy is why a PROXY protocol header is not a head.
const malformedProxy = "the first bytes are a PROXY protocol header, which this port does not accept from your address: see the settings trusted-proxy and proxy-protocol"

// errSocketEnded is the error of a socket that ends before the first byte of a PROXY protocol header, or is closed.
var errSocketEnded = errors.New("the socket ended")

// readProxyHeader reads until ReadAhead has a complete PROXY protocol header, and removes it there.
func (c *PendingConn) readProxyHeader() (proxyheader.Header, error) {
	for {
		h, n, err := proxyheader.Parse(c.ReadAhead)
		if !errors.Is(err, proxyheader.ErrIncomplete) {
			c.ReadAhead = c.ReadAhead[n:]
			c.proxied = err == nil
			return h, err
		}
		c.ReadAhead = slices.Grow(c.ReadAhead, 256)
		n, failed := c.receive(c.ReadAhead[len(c.ReadAhead):cap(c.ReadAhead)])
		c.ReadAhead = c.ReadAhead[:len(c.ReadAhead)+n]
		switch {
		case n > 0:
		case len(c.ReadAhead) > 0 && errors.Is(failed, io.EOF):
			return h, err
		case failed != nil:
			return h, fmt.Errorf("%w: %w", errSocketEnded, failed)
		}
	}
}

// isTLS reports whether b begins as the hello of a TLS client does.
func isTLS(b []byte) bool { return len(b) >= 2 && b[0] == 22 && b[1] == 3 }

// readHead reads until ReadAhead has a complete head, and returns its end. end is 0 if the head exceeds MaxHead. malformed is the reason if
// the bytes that have arrived cannot be a head.
func (c *PendingConn) readHead() (end int, malformed string, err error) {
	for from, line := 0, 0; ; {
		switch {
		case isTLS(c.ReadAhead):
			return 0, malformedTLS, nil
		case proxyheader.Begins(c.ReadAhead):
			return 0, malformedProxy, nil
		}
		if at := bytes.Index(c.ReadAhead[from:], headEnd); at >= 0 {
			end = from + at + len(headEnd)
			return end, ws.MalformedHead(c.ReadAhead[line:end]), nil
		}
		if malformed = ws.MalformedHead(c.ReadAhead[line:]); malformed != "" || len(c.ReadAhead) >= MaxHead {
			return 0, malformed, nil
		}
		// The end may begin in the bytes read before. The line after the last CRLF may be incomplete.
		from = max(0, len(c.ReadAhead)-len(headEnd)+1)
		line = max(0, bytes.LastIndexByte(c.ReadAhead, '\n')-1)
		c.ReadAhead = slices.Grow(c.ReadAhead, 512)
		n, err := c.receive(c.ReadAhead[len(c.ReadAhead):min(cap(c.ReadAhead), MaxHead)])
		c.ReadAhead = c.ReadAhead[:len(c.ReadAhead)+n]
		if n == 0 && err != nil {
			return 0, "", err
		}
	}
}

// receive reads bytes of the client.
func (c *PendingConn) receive(b []byte) (int, error) {
	if c.tls != nil {
		return c.tls.Read(b)
	}
	return c.Conn.Read(b)
}

// send writes bytes to the client. took is the number of bytes that the socket took, which shows progress within a record as well.
func (c *PendingConn) send(b []byte) (n, took int, err error) {
	if c.tls != nil {
		return c.tls.Write(b)
	}
	n, err = c.Conn.Write(b)
	return n, n, err
}

// Write writes b as long as the peer makes progress. Only one goroutine may call it at a time.
func (c *PendingConn) Write(b []byte) (n int, err error) {
	for idle := time.Duration(0); ; {
		by := time.Now().Add(stallCheck)
		if !c.until.IsZero() && c.until.Before(by) {
			by = c.until
		}
		if err := c.Conn.SetWriteDeadline(by); err != nil {
			return n, err
		}
		sent, took, err := c.send(b[n:])
		n += sent
		if idle += stallCheck; took > 0 {
			idle = 0
			if c.owner != nil {
				c.owner.progressed(c)
			}
		}
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case idle >= ResponseStall || !c.until.IsZero() && !time.Now().Before(c.until):
			if c.owner != nil {
				c.owner.countStalled()
			}
			return n, errors.Join(err, netpoll.ResetOnClose(c.Conn)) // the kernel discards the unsent bytes
		}
	}
}

// SetWriteDeadline sets the deadline of a whole response. net/http calls it.
func (c *PendingConn) SetWriteDeadline(t time.Time) error {
	c.until = t
	return nil
}

// CloseWrite ends our direction, after the alert close_notify of TLS.
func (c *PendingConn) CloseWrite() error {
	var err error
	if c.tls != nil {
		err = c.tls.CloseNotify()
	}
	return errors.Join(err, c.Conn.CloseWrite())
}

// early returns the bytes that the client sent after its request, of which read have been read. c is not read from after it.
func (c *PendingConn) early(read []byte) []byte {
	if c.tls != nil {
		return append(bytes.Clone(read), c.tls.Rest()...)
	}
	return bytes.Clone(read)
}

// transport takes over the socket of c for the event loop. On an error, the socket is closed.
func (c *PendingConn) transport(tick func() wheel.Tick) (fanout.Transport, error) {
	socket, err := netpoll.FromConn(c.Conn, c.remote)
	switch {
	case err != nil:
		return nil, err
	case c.tls != nil:
		return tlsconn.New(socket, c.tls, tick), nil
	default:
		return netpoll.OverTCP(socket), nil
	}
}

// socketKey is the key of the *PendingConn in the context of a request.
type socketKey struct{}

// socketOf returns the connection of a request that net/http handles.
func socketOf(r *http.Request) *PendingConn { return r.Context().Value(socketKey{}).(*PendingConn) }
