package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

const (
	sendBuffer = 64 << 10 // SO_SNDBUF: without it the kernel holds up to 2.3 MB for a reader that stopped
	firstRead  = 4096     // nearly all heads are shorter
)

// Door is the public port. It reads the head of each new connection's first request, at once where it has come already, else
// on a goroutine that waits for it. A good handshake goes from here to the loop; everything else goes to
// net/http, with its bytes put back, as if nobody had looked.
//
// net/http could take the handshakes too (and does, where one follows another request), but leaves 12 KB of garbage for
// each: at thousands a second the collector then costs more than the handshake.
type Door struct {
	*net.TCPListener
	Edge      *Edge
	Log       *slog.Logger
	complaint rate.Sometimes
	acceptor  *netpoll.Acceptor
	Others    chan net.Conn  // to net/http
	Keyed     chan net.Conn  // to net/http as well: requests of the server API with its key, which go first
	gate      chan struct{}  // one for each of others that is at work
	greeting  sync.WaitGroup // one for each head that is being waited for

	head   [firstRead]byte // owned by Run
	Closed chan struct{}
	close  func() error
}

// ListenOptions let the kernel wait for the first bytes of a head, as long as the door would.
var ListenOptions = netpoll.ListenOptions{SendBuffer: sendBuffer, FirstBytes: HeadTimeout}

// Open opens the port, and accepts nothing yet. a is nil where the server API is not on this port.
func Open(cfg Config, h *session.Sessions, a *api.API, m *metrics.Metrics, log *slog.Logger) (*Door, error) {
	e, err := newEdge(cfg, h, a, m, log)
	if err != nil {
		return nil, err
	}
	d, err := newDoor(cfg.Listen, e)
	if err != nil {
		return nil, err
	}
	e.checksHost = len(e.hosts) > 0 || origin.IsLoopback(d.Addr())
	return d, nil
}

// newDoor listens on address, host:port.
func newDoor(address string, e *Edge) (*Door, error) {
	tcp, err := netpoll.Listen(address, ListenOptions)
	if err != nil {
		return nil, err
	}
	acceptor, err := netpoll.NewAcceptor(tcp)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	d := &Door{
		TCPListener: tcp,
		acceptor:    acceptor,
		Edge:        e,
		Log:         e.log,
		complaint:   logqueue.EverySecond(),
		Others:      make(chan net.Conn),
		Keyed:       make(chan net.Conn),
		gate:        make(chan struct{}, maxAtWork),
		Closed:      make(chan struct{}),
	}
	d.close = sync.OnceValue(func() error {
		close(d.Closed)
		return errors.Join(acceptor.Close(), tcp.Close())
	})
	return d, nil
}

// Close stops accepting, here and for net/http.
func (d *Door) Close() error { return d.close() }

// End closes what is not in the loop, and waits for those that read a head. The door has been closed.
func (d *Door) End() {
	for d.Edge.Handshakes.EvictOldest() {
	}
	d.greeting.Wait()
}

// Accept is for net/http: the next connection whose request is not for us.
func (d *Door) Accept() (net.Conn, error) {
	select {
	case c := <-d.Keyed:
		return c, nil
	case d.gate <- struct{}{}:
	case <-d.Closed:
		return nil, net.ErrClosed
	}
	select {
	case c := <-d.Keyed:
		<-d.gate
		return c, nil
	case c := <-d.Others:
		c.(*Handshake).work(d.gate)
		return c, nil
	case <-d.Closed:
		return nil, net.ErrClosed
	}
}

// Run accepts until the door is closed. Without a free descriptor it makes room and waits a little: an accept that fails
// at once, tried again at once, would take the whole core.
func (d *Door) Run() error {
	for {
		a, err := d.acceptor.Accept()
		switch {
		case err == nil:
			d.welcome(a)
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			d.makeRoom(err)
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EINTR):
			// The peer left before it was accepted.
		case errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.EINVAL):
			return err
		default:
			// Short memory, a firewall, a network that went away: it passes, and the connections that stand are well.
			d.complaint.Do(func() { d.Log.Error("a connection was not accepted", "error", err) })
			time.Sleep(AcceptErrorBackoff)
		}
	}
}

// makeRoom closes an unfinished handshake, and waits a little.
func (d *Door) makeRoom(err error) {
	freed := d.Edge.Handshakes.EvictOldest()
	d.complaint.Do(func() {
		d.Log.Error("out of open files: connections wait; raise LimitNOFILE or lower --max-connections",
			"error", err, "unfinished_handshake_closed", freed)
	})
	time.Sleep(AcceptErrorBackoff)
}

// welcome takes a whole handshake in at once. Others wait on a goroutine of their own, which ends when the head is read, or
// its connection closed: by the peer, or by handshakes.
func (d *Door) welcome(a netpoll.Accepted) {
	e := d.Edge
	peer := a.Peer.Addr()
	proxied := e.proxies.trusted(peer)
	if !proxied && !e.Arrivals.Allow(peer, e.hub.Clock.Now()) {
		d.turnAway(a, metrics.HandshakeRate, answerTooOften)
		return
	}
	read := d.head[:a.ReadNow(d.head[:])]
	at := bytes.Index(read, headEnd)
	if at >= 0 {
		end := at + len(headEnd)
		if as, source, ok := d.admit(nil, peer, read[:end]); ok {
			nc, err := a.Socket()
			e.enterLoop(nc, err, source, as, bytes.Clone(read[end:]))
			return
		}
	}
	c := &Handshake{peer: peer, Remote: a.Peer, ReadAhead: bytes.Clone(read), Whole: at >= 0}
	if !proxied {
		c.Address = limiter.AddressKey(peer)
	}
	if !e.countSocket(c) {
		d.turnAway(a, metrics.HandshakeFull, answerAddressFull)
		return
	}
	var err error
	if c.TCPConn, err = a.TCP(); err != nil {
		e.Handshakes.End(c)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			d.makeRoom(err)
		} else {
			d.complaint.Do(func() { d.Log.Error("a connection was not accepted", "error", err) })
		}
		return
	}
	e.Handshakes.Begin(c)
	d.greeting.Go(func() { d.Greet(c) })
}

// turnAway answers who has just been accepted, without waiting, and closes. What has come is read first: closing with bytes
// unread would reset the connection, and a reset overtakes the answer.
func (d *Door) turnAway(a netpoll.Accepted, result string, answer []byte) {
	d.Edge.metrics.Handshakes.WithLabelValues(result).Inc()
	a.ReadNow(d.head[:])
	if err := a.Refuse(answer); err != nil {
		d.Log.Debug("turn a connection away", "error", err)
	}
}

// Greet reads one head and finds out where the connection belongs.
func (d *Door) Greet(c *Handshake) {
	end, malformed, err := c.ReadHead()
	if err == nil && malformed == "" && end > 0 {
		if as, source, ok := d.admit(c, c.peer, c.ReadAhead[:end]); ok {
			d.Edge.Handshakes.End(c)
			d.Edge.enter(c.TCPConn, source, as, bytes.Clone(c.ReadAhead[end:]))
			return
		}
	}
	switch {
	case malformed != "":
		d.refuseHead(c, malformed)
	case err == nil:
		to := d.Others
		if d.Edge.ShowsKey(c.ReadAhead[:end]) {
			d.Edge.Handshakes.Trust(c)
			to = d.Keyed
		}
		select {
		case to <- c:
			return
		case <-c.gone:
		case <-d.Closed:
		}
	}
	d.Edge.Handshakes.End(c)
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		d.Log.Debug("close a handshake", "error", err)
	}
}

// admit says whether a head is a good handshake, as what it comes in, and takes a place for it. c is nil for who has just come. Where it says no, nothing has happened,
// and net/http answers. A head that ws.ParseHead is not sure of is not judged here: net/http's Server refuses more than its parser does.
func (d *Door) admit(c *Handshake, peer netip.Addr, head []byte) (as welcome, source *chat.Address, ok bool) {
	var h ws.Head
	e := d.Edge
	if !ws.ParseHead(head, &h) || !isSocket(h.Path) || h.Lines > MaxHeadLines {
		return as, nil, false
	}
	as, no := e.admit(&h)
	if no != nil || as.asked {
		return as, nil, false
	}
	source, no = e.Reserve(c, peer, e.proxies.source(peer, h.Forwarded.Value), &as)
	return as, source, no == nil
}

// refuseHead answers 400 and waits for the peer to end, so that the answer is not lost to a reset. The time and the number of those who
// are waited for, handshakes bounds.
func (d *Door) refuseHead(c *Handshake, reason string) {
	d.Edge.metrics.Handshakes.WithLabelValues(metrics.HandshakeMalformed).Inc()
	text := "400 Bad Request: " + reason + "\n"
	_, err := fmt.Fprintf(c.TCPConn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if err == nil {
		err = c.CloseWrite()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(c.TCPConn, MaxHead))
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		d.Log.Debug("malformed head not answered", "error", err)
	}
}
