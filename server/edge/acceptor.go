package edge

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/tlshandshake"
	"github.com/throng-chat/throng/server/ws"
)

const (
	sendBuffer = 64 << 10 // SO_SNDBUF, in bytes: without it, the kernel buffers up to 2.3 MB for a client that stops reading
	firstRead  = 4096     // bytes; nearly all heads are shorter
)

// Acceptor accepts the connections of the public port and reads the head of the first request of each: at once if it has arrived, otherwise
// on a goroutine. A valid WebSocket handshake goes to the event loop. All other requests go to net/http, with the bytes read so far.
//
// net/http could handle the handshakes too, and does if one follows another request. But it allocates 12 KB for each: at thousands of
// handshakes per second, the garbage collector would cost more than the handshake.
type Acceptor struct {
	*netpoll.Listener // nil for that of Mount
	Edge              *Edge
	Log               *slog.Logger
	logLimit          rate.Sometimes
	sockets           *netpoll.Acceptor
	HTTP              chan net.Conn            // connections for net/http
	HTTPWithKey       chan net.Conn            // connections for net/http with a valid API key: these go first
	slots             chan struct{}            // has an entry for each connection of HTTP whose request is active
	readers           sync.WaitGroup           // goroutines that read a head
	tls               *tlshandshake.Handshaker // nil for plain TCP; constant

	proxyHeaders *proxyHeaders // constant

	head    [firstRead]byte // owned by Run
	serving chan struct{}   // of Mount: closed by Run
	Closed  chan struct{}
	close   func() error
}

// ListenOptions delay the accept until the first bytes of a head arrive, for at most HeadTimeout.
var ListenOptions = netpoll.ListenOptions{SendBuffer: sendBuffer, FirstBytes: HeadTimeout}

// Port is what Listen opens.
type Port struct {
	Address       string                   // host:port
	TLS           *tlshandshake.Handshaker // nil for plain TCP
	ProxyProtocol bool                     // trusted proxies must send a PROXY protocol header
}

// Listen opens a port. The Acceptor accepts no connection before Run. The first address decides for all whether the Host header is checked.
// Call Listen before the first Run.
func (e *Edge) Listen(port Port) (*Acceptor, error) {
	listener, err := netpoll.Listen(port.Address, ListenOptions)
	if err != nil {
		return nil, err
	}
	sockets, err := netpoll.NewAcceptor(listener)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ac := e.newAcceptor(port)
	ac.Listener, ac.sockets = listener, sockets
	ac.setClose(func() error { return errors.Join(sockets.Close(), listener.Close()) })
	if !e.listens {
		e.listens, e.loopback = true, origin.IsLoopback(ac.Addr())
	}
	return ac, nil
}

// newAcceptor returns the Acceptor of a port that is not open.
func (e *Edge) newAcceptor(port Port) *Acceptor {
	return &Acceptor{
		Edge: e,
		tls:  port.TLS,
		proxyHeaders: &proxyHeaders{
			edge: e, log: e.log, logLimit: logqueue.EverySecond(), required: port.ProxyProtocol, overTLS: port.TLS != nil,
		},
		Log:         e.log,
		logLimit:    logqueue.EverySecond(),
		HTTP:        make(chan net.Conn),
		HTTPWithKey: make(chan net.Conn),
		slots:       make(chan struct{}, maxActive),
		Closed:      make(chan struct{}),
	}
}

// setClose sets what Close does, once.
func (ac *Acceptor) setClose(closePort func() error) {
	ac.close = sync.OnceValue(func() error {
		close(ac.Closed)
		return closePort()
	})
}

// mountAddr is the address of an Acceptor without a port.
type mountAddr struct{}

func (mountAddr) Network() string { return "handler" }
func (mountAddr) String() string  { return "handler" }

// Addr returns the address of the port.
func (ac *Acceptor) Addr() net.Addr {
	if ac.Listener == nil {
		return mountAddr{}
	}
	return ac.Listener.Addr()
}

// Close stops Run and Accept. Pending connections stay open.
func (ac *Acceptor) Close() error { return ac.close() }

// End closes all pending connections and waits for the goroutines that read heads. Call Close first.
func (ac *Acceptor) End() {
	for ac.Edge.Pending.EvictOldest() {
	}
	ac.readers.Wait()
}

// Accept returns the next connection that net/http must handle. net/http calls it.
func (ac *Acceptor) Accept() (net.Conn, error) {
	select {
	case c := <-ac.HTTPWithKey:
		return c, nil
	case ac.slots <- struct{}{}:
	case <-ac.Closed:
		return nil, net.ErrClosed
	}
	select {
	case c := <-ac.HTTPWithKey:
		<-ac.slots
		return c, nil
	case c := <-ac.HTTP:
		c.(*PendingConn).slot.hold(ac.slots)
		return c, nil
	case <-ac.Closed:
		return nil, net.ErrClosed
	}
}

// Run accepts connections until Close. If the process has no free descriptor, it closes a pending connection and waits a little: repeated
// failing accepts would use a whole core.
func (ac *Acceptor) Run() error {
	if ac.Listener == nil {
		close(ac.serving)
		<-ac.Closed
		return nil
	}
	for {
		a, err := ac.sockets.Accept()
		switch {
		case err == nil:
			ac.handle(a)
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			ac.outOfFiles(err)
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EINTR):
			// The peer closed the connection before the accept.
		case errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.EINVAL):
			return err
		default:
			// A temporary failure, such as a lack of memory or a firewall rule. Established connections continue.
			ac.logLimit.Do(func() { ac.Log.Error("accept failed", "error", err) })
			time.Sleep(acceptErrorBackoff)
		}
	}
}

// outOfFiles closes a pending connection and waits acceptErrorBackoff.
func (ac *Acceptor) outOfFiles(err error) {
	freed := ac.Edge.Pending.EvictOldest()
	ac.logLimit.Do(func() {
		ac.Log.Error("out of open files: new connections wait: raise LimitNOFILE or lower --max-connections",
			"error", err, "pending_connection_closed", freed)
	})
	time.Sleep(acceptErrorBackoff)
}

// handle opens a connection at once if its complete handshake has arrived. Otherwise a goroutine waits for the head. It ends when the head
// is read, or when the peer or Pending closes the connection.
func (ac *Acceptor) handle(a netpoll.Accepted) {
	e := ac.Edge
	if !e.mayConnect(a.Peer.Addr()) {
		ac.rejectNow(a, metrics.HandshakeRate, responseConnectRate)
		return
	}
	read := ac.head[:a.ReadNow(ac.head[:])]
	awaits, proxied := ac.proxyHeaders.awaits(a.Peer.Addr()), false
	if awaits {
		if a.Peer, read, proxied = ac.proxyHeaders.parse(a.Peer, read); proxied && !e.mayConnect(a.Peer.Addr()) {
			ac.rejectNow(a, metrics.HandshakeRate, responseConnectRate)
			return
		}
		awaits = !proxied
	}
	peer := a.Peer.Addr()
	at := -1
	if ac.tls == nil && !awaits {
		at = bytes.Index(read, headEnd)
	}
	if at >= 0 {
		end := at + len(headEnd)
		if as, source, ok := ac.authorize(nil, peer, read[:end]); ok {
			if nc, err := a.Socket(); err != nil {
				e.openFailed(source, as, err)
			} else {
				e.openTransport(netpoll.OverTCP(nc), source, as, bytes.Clone(read[end:]))
			}
			return
		}
		if ac.openStreamNow(a, read, end) {
			return
		}
	}
	c := &PendingConn{
		peer: peer, remote: a.Peer, Address: e.addressOf(peer), ReadAhead: bytes.Clone(read), awaitsProxyHeader: awaits, proxied: proxied,
		HeadRead: at >= 0 || ac.tls != nil && !awaits && len(read) > 0,
	}
	var ok bool
	if c.source, ok = e.reserveSocket(c.Address); !ok {
		ac.rejectNow(a, metrics.HandshakeFull, responseAddressFull)
		return
	}
	var err error
	if c.Conn, err = a.Conn(); err != nil {
		e.Pending.End(c)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			ac.outOfFiles(err)
		} else {
			ac.logLimit.Do(func() { ac.Log.Error("accept failed", "error", err) })
		}
		return
	}
	e.Pending.Begin(c)
	ac.readers.Go(func() { ac.ReadHandshake(c) })
}

// rejectNow sends a response to a new connection without waiting, and closes it. It first reads the bytes that have arrived: a close with
// unread bytes would reset the connection, and the peer could lose the response.
func (ac *Acceptor) rejectNow(a netpoll.Accepted, result string, answer []byte) {
	ac.Edge.metrics.Handshakes.WithLabelValues(result).Inc()
	a.ReadNow(ac.head[:])
	if ac.tls != nil {
		answer = nil // the peer could not read it
	}
	if err := a.Reject(answer); err != nil {
		ac.Log.Debug("reject a new connection", "error", err)
	}
}

// ReadHandshake reads one head and passes the connection to the event loop or to net/http.
func (ac *Acceptor) ReadHandshake(c *PendingConn) {
	if c.awaitsProxyHeader && !ac.proxyHeaders.read(c) {
		return
	}
	if ac.tls != nil && !ac.startTLS(c) {
		return
	}
	end, malformed, err := c.readHead()
	if err == nil && malformed == "" && end > 0 {
		if as, source, ok := ac.authorize(c, c.peer, c.ReadAhead[:end]); ok {
			ac.Edge.Pending.End(c)
			ac.Edge.open(c, source, as, c.early(c.ReadAhead[end:]))
			return
		}
		if as, connect, source, ok := ac.authorizeStream(c, c.peer, c.ReadAhead, end); ok {
			ac.Edge.Pending.End(c)
			ac.Edge.openStream(c, source, as, connect, c.early(nil))
			return
		}
	}
	switch {
	case malformed == malformedProxy:
		ac.proxyHeaders.reject(c, malformed, errUnexpectedHeader)
		return
	case malformed != "":
		ac.rejectHead(c, malformed)
	case err == nil:
		to := ac.HTTP
		if !ac.redirects() && ac.Edge.HasAPIKey(c.ReadAhead[:end]) {
			ac.Edge.Pending.trust(c)
			to = ac.HTTPWithKey
		}
		select {
		case to <- c:
			return
		case <-c.gone:
		case <-ac.Closed:
		}
	}
	ac.Edge.Pending.close(c)
}

// authorize returns the admission of a valid handshake, and reserves its place. c is nil for a connection that was just accepted. If ok is
// false, nothing is reserved, and net/http handles the request. This includes each head that ws.ParseHead does not fully understand,
// because the server of net/http rejects more than its parser does.
func (ac *Acceptor) authorize(c *PendingConn, peer netip.Addr, head []byte) (as admission, source *chat.Address, ok bool) {
	var h ws.Head
	e := ac.Edge
	if ac.redirects() || !ws.ParseHead(head, &h) || !isSocket(h.Path) || h.Lines > MaxHeadLines {
		return as, nil, false
	}
	as, no := e.authorize(&h)
	if no != nil || as.needsProxy {
		return as, nil, false
	}
	source, no = e.Reserve(c, peer, e.proxies.addressKey(peer, h.Forwarded.Value), &as)
	return as, source, no == nil
}

// rejectHead sends a 400 response.
func (ac *Acceptor) rejectHead(c *PendingConn, reason string) {
	ac.Edge.metrics.Handshakes.WithLabelValues(metrics.HandshakeMalformed).Inc()
	if err := c.rejectWith(string(badRequest(reason))); err != nil && !errors.Is(err, net.ErrClosed) {
		ac.Log.Debug("response to a malformed head not sent", "error", err)
	}
}
