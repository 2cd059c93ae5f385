package server

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// door is the public port. It reads the head of each new connection's first request. A good handshake for the plain room
// goes from here to the loop, and its goroutine ends; everything else goes to net/http, with its bytes put back, as if
// nobody had looked.
//
// net/http could take the handshakes too (and does, where one follows another request), but leaves 12 KB of garbage for
// each: at thousands a second the collector then costs more than the handshake.
type door struct {
	*net.TCPListener
	server    *Server
	log       *slog.Logger
	complaint rate.Sometimes
	others    chan net.Conn  // to net/http
	greeting  sync.WaitGroup // one for each head that is being read
	closed    chan struct{}
	close     func() error
}

func (s *Server) openDoor(address string) (*door, error) {
	tcp, err := listenTCP(address)
	if err != nil {
		return nil, err
	}
	d := &door{
		TCPListener: tcp,
		server:      s,
		log:         s.log,
		complaint:   everySecond(),
		others:      make(chan net.Conn),
		closed:      make(chan struct{}),
	}
	d.close = sync.OnceValue(func() error {
		close(d.closed)
		return tcp.Close()
	})
	return d, nil
}

// Close stops accepting, here and for net/http.
func (d *door) Close() error { return d.close() }

// Accept is for net/http: the next connection whose request is not for us.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.others:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// run accepts until the door is closed. Without a free descriptor it makes room and waits a little: an accept that fails
// at once, tried again at once, would take the whole core.
func (d *door) run() error {
	for {
		tcp, err := d.AcceptTCP()
		switch {
		case err == nil:
			c := &handshake{TCPConn: tcp, address: household(tcp)}
			d.server.handshakes.begin(c)
			// It ends when the head is read, or its connection closed: by the peer, or by handshakes.
			d.greeting.Go(func() { d.greet(c) })
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			freed := d.server.handshakes.evictOldest()
			d.complaint.Do(func() {
				d.log.Error("out of open files: connections wait; raise LimitNOFILE or lower --max-connections",
					"error", err, "unfinished_handshake_closed", freed)
			})
			time.Sleep(acceptErrorBackoff)
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.ECONNABORTED):
			// The peer left before it was accepted.
		default:
			return err
		}
	}
}

// greet reads one head and finds out where the connection belongs.
func (d *door) greet(c *handshake) {
	head, end, err := readHead(c.TCPConn)
	if err != nil {
		d.server.handshakes.end(c)
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			d.log.Debug("close socket", "error", err)
		}
		return
	}
	if end > 0 && d.enter(c, head[:end], head[end:]) {
		return
	}
	c.read = head
	select {
	case d.others <- c:
	case <-d.closed:
		d.server.handshakes.end(c)
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			d.log.Debug("close socket", "error", err)
		}
	}
}

// heads are readers for the parser, used over and over.
var heads = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 1024) }}

// enter takes a good handshake for the plain room to the loop. Where it says no, nothing has happened.
func (d *door) enter(c *handshake, head, early []byte) bool {
	reader := heads.Get().(*bufio.Reader)
	reader.Reset(bytes.NewReader(head))
	r, err := http.ReadRequest(reader)
	reader.Reset(nil)
	heads.Put(reader)
	s := d.server
	if err != nil || r.URL.Path != roomPath || tooManyLines(r) {
		return false
	}
	key, room, no := s.admit(r)
	if no != nil || !s.hub.reserve() {
		return false
	}
	s.handshakes.end(c)
	s.enter(c.TCPConn, key, room, early)
	return true
}

const firstRead = 1024 // most heads are shorter

var headEnd = []byte("\r\n\r\n")

// readHead reads until the end of a head, which is at end, or until the head is too long to be one, with end 0. What was
// read behind the head is returned with it.
func readHead(c *net.TCPConn) (read []byte, end int, err error) {
	read = make([]byte, 0, firstRead)
	for {
		n, err := c.Read(read[len(read):cap(read)])
		// An end may have begun in the bytes before.
		from := max(0, len(read)-len(headEnd)+1)
		read = read[:len(read)+n]
		if at := bytes.Index(read[from:], headEnd); at >= 0 {
			return read, from + at + len(headEnd), nil
		}
		if err != nil {
			return nil, 0, err
		}
		if len(read) >= maxHead {
			return read, 0, nil
		}
		if len(read) == cap(read) {
			read = append(make([]byte, 0, 2*cap(read)), read...)
		}
	}
}
