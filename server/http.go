package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/lesismal/nbio"

	"github.com/throng-chat/throng/server/web"
	"github.com/throng-chat/throng/server/ws"
)

// routes are the paths of the public port: the page, and the plain room.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.HandleFunc("/ws", s.serveRoom)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := 0
		for _, values := range r.Header {
			lines += len(values)
		}
		if lines > maxHeadLines {
			w.Header().Set("Connection", "close")
			http.Error(w, fmt.Sprintf("more than %d header lines", maxHeadLines), http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// publicServer parses what comes to the public port. HTTP/1.1 only: a WebSocket needs nothing else.
func (s *Server) publicServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           s.routes(),
		ConnState:         s.handshakes.onState,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       2 * headTimeout,
		WriteTimeout:      2 * headTimeout,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    maxHead - 4096, // net/http reads 4 KiB more than it is told
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// serveRoom is /ws, the plain room: it checks the handshake and hands the socket to the loop. Its goroutine ends there.
func (s *Server) serveRoom(w http.ResponseWriter, r *http.Request) {
	refuse := func(result string, status int, reason string) {
		s.metrics.handshakes.WithLabelValues(result).Inc()
		w.Header().Set("Connection", "close")
		http.Error(w, reason, status)
	}
	key, err := ws.CheckHandshake(r)
	if err != nil {
		status := http.StatusBadRequest
		if bad := (*ws.HandshakeError)(nil); errors.As(err, &bad) {
			status = bad.Status
		}
		switch status {
		case http.StatusUpgradeRequired:
			w.Header().Set("Sec-WebSocket-Version", ws.Version)
		case http.StatusMethodNotAllowed:
			w.Header().Set("Allow", http.MethodGet)
		}
		refuse(handshakeMalformed, status, err.Error())
		return
	}
	if !originAllowed(r, s.cfg.Origins) {
		origin := r.Header.Get("Origin")
		s.complaint.Do(func() {
			s.log.Warn("page of another origin refused; allow it with --origin", "origin", clip(origin), "host", clip(r.Host))
		})
		refuse(handshakeOrigin, http.StatusForbidden,
			fmt.Sprintf("a page of origin %q may not connect here: start the server with --origin %s to allow it", origin, origin))
		return
	}
	room, ok := roomName(r.URL.RawQuery)
	if !ok {
		refuse(handshakeRoom, http.StatusBadRequest,
			"room must be given once, as 1 to 64 bytes of UTF-8 without control characters")
		return
	}
	if s.hub.draining.Load() {
		w.Header().Set("Retry-After", retryAfterSeconds)
		refuse(handshakeDraining, http.StatusServiceUnavailable, "the server is stopping: come back in a moment")
		return
	}
	if !s.hub.reserve() {
		w.Header().Set("Retry-After", retryAfterSeconds)
		refuse(handshakeFull, http.StatusServiceUnavailable, "the server is full: come back later")
		return
	}
	nc, early, err := takeOver(w)
	if err != nil {
		s.hub.release()
		s.metrics.handshakes.WithLabelValues(handshakeFailed).Inc()
		s.log.Debug("socket not taken over", "error", err)
		return
	}
	s.metrics.accepted.Inc()
	s.hub.join(nc, room, ws.SwitchingProtocols(key), early)
}

// takeOver makes the request's socket nbio's, and returns what the client sent behind its request. Nothing of net/http
// keeps it.
func takeOver(w http.ResponseWriter) (nc *nbio.Conn, early []byte, err error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		if _, err := io.ReadFull(rw.Reader, early); err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
	}
	// nbio knows a TCP socket by its concrete type.
	nc, err = nbio.NBConn(conn.(*handshake).TCPConn)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return nc, early, nil
}

// roomName reads ?room=NAME.
func roomName(query string) (string, bool) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	switch names := values["room"]; len(names) {
	case 0:
		return defaultRoom, true
	case 1:
		return names[0], validRoomName(names[0])
	default:
		return "", false
	}
}

// clip bounds what strangers can put into a log line; slog escapes it.
func clip(s string) string {
	if len(s) > 256 {
		return s[:256] + "..."
	}
	return s
}

// listen opens the public port. Accepted sockets inherit the options set here.
func (s *Server) listen(address string) (net.Listener, error) {
	tcp, err := listenTCP(address)
	if err != nil {
		return nil, err
	}
	return &listener{TCPListener: tcp, log: s.log, handshakes: s.handshakes, complaint: everySecond()}, nil
}
