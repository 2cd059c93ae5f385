package edge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/httpstream"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// The HTTP fallbacks: a response that does not end carries the messages to the client, and becomes a connection of the event loop. These are the
// requests that net/http has read, whose goroutine ends with the handover; most requests need none (fallback_accept.go).

// The paths of the HTTP fallbacks.
const (
	streamPath    = "/connection/http_stream"
	eventsPath    = "/connection/sse"
	uniStreamPath = "/connection/uni_http_stream"
	uniEventsPath = "/connection/uni_sse"

	// EmulationPath receives the commands of the clients of the first two.
	EmulationPath = "/emulation"
)

// queryConnect is the query parameter of a GET request with the connect command, or with the connect request of a client without commands.
const queryConnect = "cf_connect"

// streamEndpoint is an endpoint whose response is a stream.
type streamEndpoint struct {
	methods  []string
	encoding session.Encoding
}

var streamEndpoints = map[string]streamEndpoint{
	streamPath:    {[]string{http.MethodPost}, session.LineStream},
	eventsPath:    {[]string{http.MethodGet}, session.EventStream},
	uniStreamPath: {[]string{http.MethodPost}, session.UniLineStream},
	uniEventsPath: {[]string{http.MethodGet, http.MethodPost}, session.UniEventStream},
}

// isFallback reports whether a path is one of the HTTP fallbacks.
func (e *Edge) isFallback(path string) bool {
	if e.Fallbacks == nil || !strings.HasPrefix(path, "/connection/") && path != EmulationPath {
		return false
	}
	_, isStream := streamEndpoints[path]
	return isStream || path == EmulationPath
}

// serveFallback handles a request of an HTTP fallback. It allows the same origins as the WebSocket endpoints.
func (e *Edge) serveFallback(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Origin")
	endpoint, isStream := streamEndpoints[r.URL.Path]
	methods := endpoint.methods
	if !isStream {
		methods = []string{http.MethodPost}
	}
	origin := r.Header.Get("Origin")
	if !e.rules.Load().origins.Allow(ws.FieldOf(r.Header["Origin"]), r.Host) {
		e.rejectFallback(w, r, &rejection{metrics.HandshakeOrigin, http.StatusForbidden, foreignOrigin(origin)})
		return
	}
	if origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	switch {
	case r.Method == http.MethodOptions:
		e.serveFallbackOptions(w, r, methods)
	case !slices.Contains(methods, r.Method):
		h.Set("Allow", strings.Join(methods, ", ")+", OPTIONS")
		e.rejectFallback(w, r, &rejection{metrics.HandshakeMalformed, http.StatusMethodNotAllowed, "only " + strings.Join(methods, " or ")})
	case isStream:
		e.serveStream(w, r, endpoint)
	default:
		e.serveEmulation(w, r)
	}
}

// serveFallbackOptions handles the request that a browser sends before a page of another origin may send JSON.
func (e *Edge) serveFallbackOptions(w http.ResponseWriter, r *http.Request, methods []string) {
	if !e.throttle(r) {
		return // the client has disconnected
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	e.skipBody(w, r)
	w.WriteHeader(http.StatusNoContent)
}

// rejectFallback sends the response to a request that is not accepted, counts it, and closes the connection after it.
func (e *Edge) rejectFallback(w http.ResponseWriter, r *http.Request, no *rejection) {
	e.skipBody(w, r)
	if no.Status != http.StatusMethodNotAllowed {
		e.reject(w, r, no)
		return
	}
	e.metrics.Handshakes.WithLabelValues(no.result).Inc()
	w.Header().Set("Connection", "close")
	http.Error(w, no.Reason, no.Status)
}

// serveStream makes the response of a request a connection of the event loop.
func (e *Edge) serveStream(w http.ResponseWriter, r *http.Request, to streamEndpoint) {
	as := admission{encoding: to.encodingOf(r.Header.Get("Content-Type"), r.URL.RawQuery)}
	connect, no := e.connectCommand(w, r, as.encoding)
	if no != nil {
		e.rejectFallback(w, r, no)
		return
	}
	c := socketOf(r)
	from := e.proxies.addressKeyOf(r)
	source, no := e.Reserve(c, c.peer, from, &as)
	if no != nil {
		e.rejectFallback(w, r, no)
		return
	}
	as.response = streamHead(as.encoding.Framing(), w.Header().Get("Access-Control-Allow-Origin"))
	c, early, err := hijack(w)
	if err != nil {
		e.Unreserve(source, nil)
		e.metrics.Handshakes.WithLabelValues(metrics.HandshakeFailed).Inc()
		e.log.Debug("hijack failed", "error", err)
		return
	}
	e.openStream(c, source, as, connect, early)
}

// openStream adds the response of an accepted request to the event loop. Its place is reserved. It closes a connection whose client sent bytes
// after the request: the client of a stream is silent.
func (e *Edge) openStream(c *PendingConn, source *chat.Address, as admission, connect, after []byte) {
	if len(after) == 0 {
		e.open(c, source, as, connect)
		return
	}
	e.Unreserve(source, nil)
	e.metrics.Handshakes.WithLabelValues(metrics.HandshakeMalformed).Inc()
	if err := c.Close(); err != nil {
		e.log.Debug("close a pending connection", "error", err)
	}
}

// connectCommand returns the first command of the client of a stream: the body, or the query of a GET request.
func (e *Edge) connectCommand(w http.ResponseWriter, r *http.Request, encoding session.Encoding) ([]byte, *rejection) {
	switch {
	case r.ProtoMinor == 0:
		return nil, &rejection{metrics.HandshakeMalformed, http.StatusHTTPVersionNotSupported, "a stream needs HTTP/1.1"}
	case e.sessions.Draining.Load():
		return nil, draining()
	}
	if r.Method == http.MethodGet {
		e.skipBody(w, r)
		return firstCommand([]byte(r.URL.Query().Get(queryConnect)), encoding)
	}
	body, done, no := e.readFallbackBody(w, r, MaxConnectBody)
	defer done()
	if no != nil {
		return nil, no
	}
	return firstCommand(body, encoding)
}

// encodingOf returns the encoding of the stream for a request with a content type and a query.
func (to streamEndpoint) encodingOf(contentType, query string) session.Encoding {
	if to.encoding == session.LineStream && isProtobuf(contentType, query) {
		return session.ProtobufStream
	}
	return to.encoding
}

// firstCommand returns the first command of the client of a stream: connect, which is as the client sent it, or the connect command for this
// connect request.
func firstCommand(connect []byte, e session.Encoding) ([]byte, *rejection) {
	if e.IsUni() {
		command, err := httpstream.ConnectCommand(connect)
		if err != nil {
			return nil, &rejection{metrics.HandshakeMalformed, http.StatusBadRequest, err.Error()}
		}
		return command, nil
	}
	if len(connect) == 0 {
		return nil, &rejection{metrics.HandshakeMalformed, http.StatusBadRequest,
			"connect command missing: in the body, or in the query parameter " + queryConnect + " of a GET request"}
	}
	return connect, nil
}

// isProtobuf reports whether a request of an SDK has Protobuf in its body.
func isProtobuf(contentType, query string) bool {
	return strings.HasPrefix(contentType, httpstream.Lengths.ContentType()) || requestsProtobuf(query)
}

// streamHead returns the head of the response that is a stream. origin is the one of another site that may read it, empty for none.
func streamHead(f httpstream.Framing, origin string) []byte {
	b := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"+
		"X-Content-Type-Options: nosniff\r\nVary: Origin\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n",
		time.Now().UTC().Format(http.TimeFormat), f.ContentType())
	if origin != "" {
		b = fmt.Appendf(b, "Access-Control-Allow-Origin: %s\r\n", origin)
	}
	return append(b, "\r\n"...)
}

var _ fanout.Transport = (*httpstream.Transport)(nil)
