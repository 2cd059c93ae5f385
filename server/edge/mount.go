package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
)

// Mount returns an Acceptor without a port. Its connections come from the HTTP server of the program that embeds throng, by Handler.
func (e *Edge) Mount() *Acceptor {
	ac := e.newAcceptor(Port{})
	ac.serving = make(chan struct{})
	ac.setClose(func() error { return nil })
	return ac
}

// Handler returns a handler for requests to the paths of throng. It takes each connection from net/http and writes the head of the request
// again before the bytes that follow it. So the request is handled as on a port of throng, with the same limits, and a WebSocket goes to the
// event loop. Another request is closed after its response: the next one may be for the program itself.
func (ac *Acceptor) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, why string) {
			w.Header().Set("Connection", "close")
			http.Error(w, why, status)
		}
		if why := ac.unavailable(); why != "" {
			w.Header().Set("Retry-After", retryAfterSeconds)
			refuse(http.StatusServiceUnavailable, why+": retry after "+retryAfterSeconds+" s")
			return
		}
		switch {
		case r.TLS != nil:
			refuse(http.StatusNotImplemented, "the handler of throng takes connections without TLS only: use a proxy, or throng's own tls-listen")
			return
		case r.ProtoMajor != 1:
			refuse(http.StatusHTTPVersionNotSupported, "the handler of throng needs HTTP/1.1")
			return
		}
		head := rewrittenHead(r)
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			refuse(http.StatusInternalServerError, "the handler of throng needs the connection (http.Hijacker): a middleware hides it")
			return
		}
		early := make([]byte, rw.Reader.Buffered())
		_, err = io.ReadFull(rw.Reader, early)
		conn, ok := nc.(netpoll.Conn)
		if err == nil && !ok {
			err = fmt.Errorf("connection of type %T: want a TCP or Unix socket", nc)
		}
		if err = errors.Join(err, nc.SetDeadline(time.Time{})); err != nil {
			ac.logLimit.Do(func() { ac.Log.Error("connection of the handler not taken", "error", err) })
			ac.logClose(nc)
			return
		}
		ac.take(conn, append(head, early...))
	})
}

// unavailable returns why a connection cannot be taken now; empty if it can.
func (ac *Acceptor) unavailable() string {
	select {
	case <-ac.Closed:
		return "the chat server stops"
	default:
	}
	select {
	case <-ac.serving:
		return ""
	default:
		return "the chat server does not run yet"
	}
}

// take handles a connection whose first request, or the beginning of it, is in request.
func (ac *Acceptor) take(conn netpoll.Conn, request []byte) {
	e := ac.Edge
	c := &PendingConn{Conn: conn, ReadAhead: request, HeadRead: true}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		c.remote = tcp.AddrPort()
	}
	c.peer = c.remote.Addr().Unmap()
	c.Address = e.addressOf(c.peer)
	reject := func(result string, answer []byte) {
		e.metrics.Handshakes.WithLabelValues(result).Inc()
		if _, err := conn.Write(answer); err != nil {
			ac.Log.Debug("reject a connection of the handler", "error", err)
		}
		ac.logClose(conn)
	}
	if !e.mayConnect(c.peer) {
		reject(metrics.HandshakeRate, responseConnectRate)
		return
	}
	var ok bool
	if c.source, ok = e.reserveSocket(c.Address); !ok {
		reject(metrics.HandshakeFull, responseAddressFull)
		return
	}
	e.Pending.Begin(c)
	ac.ReadHandshake(c)
}

func (ac *Acceptor) logClose(nc net.Conn) {
	if err := nc.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		ac.Log.Debug("close a connection of the handler", "error", err)
	}
}

// rewrittenHead returns the head of a request that net/http has read, in another order.
func rewrittenHead(r *http.Request) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.%d\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.ProtoMinor, r.Host)
	header := r.Header.Clone()
	if !strings.EqualFold(header.Get("Upgrade"), "websocket") {
		header.Set("Connection", "close")
	}
	if len(r.TransferEncoding) > 0 { // net/http has removed it
		header.Set("Transfer-Encoding", strings.Join(r.TransferEncoding, ", "))
	}
	if err := header.Write(&b); err != nil {
		panic(err) // a buffer takes all
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
