package edge

import (
	"net/http"
	"time"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

// What the public port answers to a request that it does not serve.

const retryAfterSeconds = "2"

// cannedRefusal is a whole answer, for who is refused before anything is read or kept for it.
func cannedRefusal(status, text string) []byte {
	return []byte("HTTP/1.1 " + status + "\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: " + retryAfterSeconds +
		"\r\nConnection: close\r\n\r\n" + text + "\n")
}

const (
	textTooOften    = "too many new connections a second from this address: come back later"
	textAddressFull = "too many connections from this address: come back later"
)

var (
	answerTooOften    = cannedRefusal("429 Too Many Requests", textTooOften)
	answerAddressFull = cannedRefusal("503 Service Unavailable", textAddressFull)
)

func (e *Edge) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
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
		e.complaint.Do(func() {
			e.log.Warn("request for another host refused; allow it with --host", "host", logqueue.Clip(r.Host))
		})
	case http.StatusForbidden:
		if no.result != metrics.HandshakeOrigin {
			break
		}
		e.complaint.Do(func() {
			e.log.Warn("page of another origin refused; allow it with --origin", "origin", logqueue.Clip(r.Header.Get("Origin")), "host", logqueue.Clip(r.Host))
		})
	}
	http.Error(w, no.Reason, no.Status)
}

// refuseHTTP answers a request that is not served, counts it, and ends its connection.
func (e *Edge) refuseHTTP(w http.ResponseWriter, why string, status int, text string) {
	e.metrics.HttpRefused.WithLabelValues(why).Inc()
	w.Header().Set("Connection", "close")
	http.Error(w, text, status)
}

// leaveBody is for a request whose body nobody waits for.
func (e *Edge) leaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
		e.log.Debug("body not cut off", "error", err)
	}
}
