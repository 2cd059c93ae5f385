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

// routes returns the handler of all requests to the public port that the acceptor does not handle.
func (e *Edge) routes() http.Handler {
	return e.guardHost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.usesBody(r) {
			e.skipBody(w, r)
		}
		switch {
		case tooManyLines(r):
			w.Header().Set("Connection", "close")
			http.Error(w, fmt.Sprintf("more than %d header lines", MaxHeadLines), http.StatusRequestHeaderFieldsTooLarge)
		case isSocket(r.URL.Path):
			e.serveSocket(w, r)
		case e.isFallback(r.URL.Path):
			e.serveFallback(w, r)
		case e.isAPI(r) && e.api.Authorized(api.KeyOf(r)):
			e.Pending.trust(socketOf(r))
			e.api.ServeHTTP(w, r)
		case !e.throttle(r):
			// The client has disconnected.
		case r.URL.Path == GuestPath:
			e.serveGuest(w, r)
		case e.isAPI(r):
			e.api.ServeHTTP(w, r)
		default:
			e.rules.Load().page.ServeHTTP(w, r)
		}
	}))
}

// throttle waits until a request without a valid API key may be handled. Pages, guest tokens and API calls without the key share one rate,
// in order of arrival. Without it, a few pipelined connections would keep goroutines of net/http busy all the time, and leave little CPU for
// the pollers and shards. It returns false if the client has disconnected.
func (e *Edge) throttle(r *http.Request) bool {
	e.metrics.HTTPRequests.Inc()
	if e.Requests.Allow() {
		return true
	}
	e.metrics.HTTPDelayed.Inc()
	return e.Requests.Wait(r.Context()) == nil
}

// usesBody reports whether the handler of a request reads its body. That handler bounds the size and the time of the body.
func (e *Edge) usesBody(r *http.Request) bool {
	return r.URL.Path == GuestPath || e.isAPI(r) || e.isFallback(r.URL.Path)
}

// isAPI reports whether a request is for the server API on this port.
func (e *Edge) isAPI(r *http.Request) bool {
	return api.IsPath(r) && e.api.Serves(api.OnListen)
}

// HasAPIKey reports whether a head is that of a request for the server API with a valid key.
func (e *Edge) HasAPIKey(head []byte) bool {
	if !bytes.HasPrefix(head, []byte("POST "+api.Path)) || !e.api.Serves(api.OnListen) {
		return false
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	return err == nil && api.IsPath(r) && e.api.Authorized(api.KeyOf(r))
}

// tooManyLines reports whether a request has more than MaxHeadLines header lines.
func tooManyLines(r *http.Request) bool {
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	return lines > MaxHeadLines
}

// guardHost rejects requests to the public port whose Host header is not allowed, on all paths.
func (e *Edge) guardHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isSocket(r.URL.Path): // authorize rejects and counts the handshakes
		case r.Host != "" && !origin.WellFormedHost(r.Host):
			e.skipBody(w, r)
			e.rejectHTTP(w, metrics.RejectedHost, http.StatusBadRequest, "header Host: "+origin.HostRule)
			return
		case !e.allowsHost(r.Host):
			e.skipBody(w, r)
			e.rejectHTTP(w, metrics.RejectedHost, http.StatusMisdirectedRequest, origin.ForeignHost(r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// HTTPServer returns the server of the requests that the acceptor does not handle. It supports only HTTP/1.1, because a WebSocket handshake
// needs it. The acceptor bounds the time for the first head.
func (e *Edge) HTTPServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:   e.routes(),
		ConnState: e.Pending.onState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, socketKey{}, c)
		},
		ReadHeaderTimeout: HeadTimeout, // of further requests
		ReadTimeout:       2 * HeadTimeout,
		WriteTimeout:      responseTimeout,
		IdleTimeout:       e.IdleTimeout,
		MaxHeaderBytes:    MaxHead - 4096, // net/http allows 4 KiB more than this value
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
}
