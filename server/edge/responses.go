package edge

import (
	"fmt"
	"net/http"
	"time"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

// The responses to requests that the public port rejects.

const retryAfterSeconds = "2"

// cannedRejection returns a complete response, for connections that are rejected before anything is read or allocated for them.
func cannedRejection(status, text string) []byte {
	return []byte("HTTP/1.1 " + status + "\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: " + retryAfterSeconds +
		"\r\nConnection: close\r\n\r\n" + text + "\n")
}

// badRequest returns a complete 400 response.
func badRequest(reason string) []byte {
	text := "400 Bad Request: " + reason + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

const (
	textConnectRate = "too many new connections per second from this address: retry after " + retryAfterSeconds + " s"
	textAddressFull = "too many connections from this address: retry after " + retryAfterSeconds + " s"
)

var (
	responseConnectRate = cannedRejection("429 Too Many Requests", textConnectRate)
	responseAddressFull = cannedRejection("503 Service Unavailable", textAddressFull)
)

// reject sends the response to a handshake that is not accepted, counts it, and closes the connection after it.
func (e *Edge) reject(w http.ResponseWriter, r *http.Request, no *rejection) {
	e.metrics.Handshakes.WithLabelValues(no.result).Inc()
	h := w.Header()
	h.Set("Connection", "close")
	switch no.Status {
	case http.StatusUpgradeRequired:
		h.Set("Sec-WebSocket-Version", ws.Version)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", retryAfterSeconds)
	case http.StatusMisdirectedRequest:
		e.logHost.Do(func() {
			e.log.Warn("request for another host rejected: start the server with --host to allow it", "host", logqueue.Clip(r.Host))
		})
	case http.StatusForbidden:
		if no.result != metrics.HandshakeOrigin {
			break
		}
		e.logOrigin.Do(func() {
			e.log.Warn("page of another origin rejected: start the server with --origin to allow it", "origin", logqueue.Clip(r.Header.Get("Origin")), "host", logqueue.Clip(r.Host))
		})
	}
	http.Error(w, no.Reason, no.Status)
}

// rejectHTTP sends an error response, counts it under a label of throng_http_refused_total, and closes the connection after it.
func (e *Edge) rejectHTTP(w http.ResponseWriter, why string, status int, text string) {
	e.metrics.HTTPRejected.WithLabelValues(why).Inc()
	w.Header().Set("Connection", "close")
	http.Error(w, text, status)
}

// skipBody closes the connection after the response if the request has a body, instead of reading the body.
func (e *Edge) skipBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
		e.log.Debug("read deadline not set", "error", err)
	}
}
