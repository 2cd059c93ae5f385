package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

const (
	maxHead            = 8 << 10               // bytes of a handshake
	maxHeadLines       = 64                    // header lines of a handshake
	headTimeout        = 5 * time.Second       // for a handshake to arrive
	sendBuffer         = 64 << 10              // SO_SNDBUF: without it the kernel holds up to 2.3 MB for a reader that stopped
	acceptErrorBackoff = 50 * time.Millisecond // after an accept that failed
)

// door is the public port. It reads the head of each new connection's first request, at once where it has come already, else
// on a goroutine that waits for it. A good handshake goes from here to the loop; everything else goes to
// net/http, with its bytes put back, as if nobody had looked.
//
// net/http could take the handshakes too (and does, where one follows another request), but leaves 12 KB of garbage for
// each: at thousands a second the collector then costs more than the handshake.
type door struct {
	*net.TCPListener
	edge      *edge
	log       *slog.Logger
	complaint rate.Sometimes
	acceptor  *netpoll.Acceptor
	others    chan net.Conn  // to net/http
	keyed     chan net.Conn  // to net/http as well: requests of the server API with its key, which go first
	gate      chan struct{}  // one for each of others that is at work
	greeting  sync.WaitGroup // one for each head that is being waited for

	head   [firstRead]byte // owned by run
	closed chan struct{}
	close  func() error
}

// listenOptions let the kernel wait for the first bytes of a head, as long as the door would.
var listenOptions = netpoll.ListenOptions{SendBuffer: sendBuffer, FirstBytes: headTimeout}

// newDoor listens on address, host:port.
func newDoor(address string, e *edge) (*door, error) {
	tcp, err := netpoll.Listen(address, listenOptions)
	if err != nil {
		return nil, err
	}
	acceptor, err := netpoll.NewAcceptor(tcp)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	d := &door{
		TCPListener: tcp,
		acceptor:    acceptor,
		edge:        e,
		log:         e.log,
		complaint:   logqueue.EverySecond(),
		others:      make(chan net.Conn),
		keyed:       make(chan net.Conn),
		gate:        make(chan struct{}, maxAtWork),
		closed:      make(chan struct{}),
	}
	d.close = sync.OnceValue(func() error {
		close(d.closed)
		return errors.Join(acceptor.Close(), tcp.Close())
	})
	return d, nil
}

// Close stops accepting, here and for net/http.
func (d *door) Close() error { return d.close() }

// Accept is for net/http: the next connection whose request is not for us.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.keyed:
		return c, nil
	case d.gate <- struct{}{}:
	case <-d.closed:
		return nil, net.ErrClosed
	}
	select {
	case c := <-d.keyed:
		<-d.gate
		return c, nil
	case c := <-d.others:
		c.(*handshake).work(d.gate)
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// run accepts until the door is closed. Without a free descriptor it makes room and waits a little: an accept that fails
// at once, tried again at once, would take the whole core.
func (d *door) run() error {
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
			d.complaint.Do(func() { d.log.Error("a connection was not accepted", "error", err) })
			time.Sleep(acceptErrorBackoff)
		}
	}
}

// makeRoom closes an unfinished handshake, and waits a little.
func (d *door) makeRoom(err error) {
	freed := d.edge.handshakes.evictOldest()
	d.complaint.Do(func() {
		d.log.Error("out of open files: connections wait; raise LimitNOFILE or lower --max-connections",
			"error", err, "unfinished_handshake_closed", freed)
	})
	time.Sleep(acceptErrorBackoff)
}

// welcome takes a whole handshake in at once. Others wait on a goroutine of their own, which ends when the head is read, or
// its connection closed: by the peer, or by handshakes.
func (d *door) welcome(a netpoll.Accepted) {
	e := d.edge
	peer := a.Peer.Addr()
	proxied := e.proxies.trusted(peer)
	if !proxied && !e.arrivals.allow(peer, e.hub.Clock.Now()) {
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
	c := &handshake{peer: peer, remote: a.Peer, read: bytes.Clone(read), whole: at >= 0}
	if !proxied {
		c.address = limiter.AddressKey(peer)
	}
	if !e.countSocket(c) {
		d.turnAway(a, metrics.HandshakeFull, answerAddressFull)
		return
	}
	var err error
	if c.TCPConn, err = a.TCP(); err != nil {
		e.handshakes.end(c)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			d.makeRoom(err)
		} else {
			d.complaint.Do(func() { d.log.Error("a connection was not accepted", "error", err) })
		}
		return
	}
	e.handshakes.begin(c)
	d.greeting.Go(func() { d.greet(c) })
}

// greet reads one head and finds out where the connection belongs.
func (d *door) greet(c *handshake) {
	end, malformed, err := c.readHead()
	if err == nil && malformed == "" && end > 0 {
		if as, source, ok := d.admit(c, c.peer, c.read[:end]); ok {
			d.edge.handshakes.end(c)
			d.edge.enter(c.TCPConn, source, as, bytes.Clone(c.read[end:]))
			return
		}
	}
	switch {
	case malformed != "":
		d.refuseHead(c, malformed)
	case err == nil:
		to := d.others
		if d.edge.showsKey(c.read[:end]) {
			d.edge.handshakes.trust(c)
			to = d.keyed
		}
		select {
		case to <- c:
			return
		case <-c.gone:
		case <-d.closed:
		}
	}
	d.edge.handshakes.end(c)
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		d.log.Debug("close a handshake", "error", err)
	}
}

const firstRead = 4096 // nearly all heads are shorter

// admit says whether a head is a good handshake, as what it comes in, and takes a place for it. c is nil for who has just come. Where it says no, nothing has happened,
// and net/http answers. A head that ws.ParseHead is not sure of is not judged here: net/http's Server refuses more than its parser does.
func (d *door) admit(c *handshake, peer netip.Addr, head []byte) (as welcome, source *chat.Address, ok bool) {
	var h ws.Head
	e := d.edge
	if !ws.ParseHead(head, &h) || !isSocket(h.Path) || h.Lines > maxHeadLines {
		return as, nil, false
	}
	as, no := e.admit(&h)
	if no != nil || as.asked {
		return as, nil, false
	}
	source, no = e.reserve(c, peer, e.proxies.source(peer, h.Forwarded.Value), &as)
	return as, source, no == nil
}

var headEnd = []byte("\r\n\r\n")

// readHead reads until the end of a head is among the bytes read, and returns where, or 0 when they are too many to be one. malformed is
// why the head, or what has come of it, is refused.
func (c *handshake) readHead() (end int, malformed string, err error) {
	for from, line := 0, 0; ; {
		if at := bytes.Index(c.read[from:], headEnd); at >= 0 {
			end = from + at + len(headEnd)
			return end, ws.MalformedHead(c.read[line:end]), nil
		}
		if malformed = ws.MalformedHead(c.read[line:]); malformed != "" || len(c.read) >= maxHead {
			return 0, malformed, nil
		}
		// An end may have begun in the bytes before, and the line behind the last CRLF not.
		from = max(0, len(c.read)-len(headEnd)+1)
		line = max(0, bytes.LastIndexByte(c.read, '\n')-1)
		c.read = slices.Grow(c.read, 512)
		n, err := c.TCPConn.Read(c.read[len(c.read):min(cap(c.read), maxHead)])
		c.read = c.read[:len(c.read)+n]
		if n == 0 && err != nil {
			return 0, "", err
		}
	}
}

// refuseHead answers 400 and waits for the peer to end, so that the answer is not lost to a reset. The time and the number of those who
// are waited for, handshakes bounds.
func (d *door) refuseHead(c *handshake, reason string) {
	d.edge.metrics.Handshakes.WithLabelValues(metrics.HandshakeMalformed).Inc()
	text := "400 Bad Request: " + reason + "\n"
	_, err := fmt.Fprintf(c.TCPConn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if err == nil {
		err = c.CloseWrite()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(c.TCPConn, maxHead))
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		d.log.Debug("malformed head not answered", "error", err)
	}
}
