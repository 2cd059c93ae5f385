package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
)

// routes are the paths of the public port: the page, and the sockets.
func (e *Edge) routes() http.Handler {
	return e.guardHost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.takesBody(r) {
			e.leaveBody(w, r)
		}
		switch {
		case tooManyLines(r):
			w.Header().Set("Connection", "close")
			http.Error(w, fmt.Sprintf("more than %d header lines", MaxHeadLines), http.StatusRequestHeaderFieldsTooLarge)
		case isSocket(r.URL.Path):
			e.serveSocket(w, r)
		case e.answersAPI(r) && e.api.Knows(api.KeyOf(r)):
			e.Handshakes.Trust(socketOf(r))
			e.api.ServeHTTP(w, r)
		case !e.turn(r):
			// The client is gone.
		case r.URL.Path == GuestPath:
			e.serveGuest(w, r)
		case e.answersAPI(r):
			e.api.ServeHTTP(w, r)
		default:
			e.page.ServeHTTP(w, r)
		}
	}))
}

// turn waits until a request of anybody may be answered: pages, guest tokens and calls without the key have a rate in common, first
// come, first served. Each pipelined connection is a goroutine of net/http that always has work, and without a rate a few of them
// would leave the loops and shards little of the processor. It returns false if the client has gone meanwhile.
func (e *Edge) turn(r *http.Request) bool {
	e.metrics.HttpRequests.Inc()
	if e.Requests.Allow() {
		return true
	}
	e.metrics.HttpDelayed.Inc()
	return e.Requests.Wait(r.Context()) == nil
}

// takesBody is for the paths that have a use for a body. They bound it, in size and time.
func (e *Edge) takesBody(r *http.Request) bool { return r.URL.Path == GuestPath || e.answersAPI(r) }

// answersAPI says whether a request on the public port is one of the server API's.
func (e *Edge) answersAPI(r *http.Request) bool {
	return e.api != nil && api.Is(r)
}

// ShowsKey says whether a head is that of a request of the server API with its key.
func (e *Edge) ShowsKey(head []byte) bool {
	if e.api == nil || !bytes.HasPrefix(head, []byte("POST "+api.Path)) {
		return false
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	return err == nil && api.Is(r) && e.api.Knows(api.KeyOf(r))
}

func tooManyLines(r *http.Request) bool {
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	return lines > MaxHeadLines
}

// guardHost refuses requests to the public port whose Host header is not acceptable, whatever their path.
func (e *Edge) guardHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isSocket(r.URL.Path): // admit refuses and counts the handshakes
		case r.Host != "" && !origin.WellFormedHost(r.Host):
			e.leaveBody(w, r)
			e.refuseHTTP(w, metrics.RefusedHost, http.StatusBadRequest, "header Host: "+origin.WantHost)
			return
		case !e.callsUs(r.Host):
			e.leaveBody(w, r)
			e.refuseHTTP(w, metrics.RefusedHost, http.StatusMisdirectedRequest, origin.ForeignHost(r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// HttpServer answers the requests that the door does not take itself. HTTP/1.1 only: a WebSocket needs nothing else. How
// long a head may take is the door's to watch.
func (e *Edge) HttpServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:   e.routes(),
		ConnState: e.Handshakes.OnState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, socketKey{}, c)
		},
		ReadHeaderTimeout: HeadTimeout, // of a further request; the door watches the first
		ReadTimeout:       2 * HeadTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       e.KeepFor,
		MaxHeaderBytes:    MaxHead - 4096, // net/http reads 4 KiB more than it is told
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
}
