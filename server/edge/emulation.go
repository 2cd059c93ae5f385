package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/throng-chat/throng/server/httpstream"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
)

// The requests with commands of clients whose connection is a stream.

// maxEscaped is how many bytes a byte of a command takes in the body, at most on average: in a JSON string, quotation marks have two.
const maxEscaped = 2

// serveEmulation passes the commands of a request to their session and sends 204, before they are handled. An SDK closes the stream of a
// session after 404 or a status from 500 on; after another status, only the commands of this request fail.
func (e *Edge) serveEmulation(w http.ResponseWriter, r *http.Request) {
	reject := func(result, why string, status int, text string) {
		e.metrics.EmulationRequests.WithLabelValues(result).Inc()
		e.skipBody(w, r)
		if why != "" {
			e.metrics.HTTPRejected.WithLabelValues(why).Inc()
		}
		w.Header().Set("Connection", "close")
		if text == "" {
			w.WriteHeader(status)
			return
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", retryAfterSeconds)
		}
		http.Error(w, text, status)
	}
	if !e.Fallbacks.Rates.Allow(e.proxies.addressKeyOf(r), e.sessions.Clock.Now()) {
		reject(metrics.EmulationRate, metrics.RejectedRate, http.StatusTooManyRequests,
			fmt.Sprintf("more than %d requests per second from this address", emulationRate))
		return
	}
	most := e.sessions.Limits().Rules.MaxMessage
	body, done, no := e.readFallbackBody(w, r, maxEscaped*most+MaxConnectBody)
	defer done()
	if no != nil {
		reject(metrics.EmulationMalformed, "", no.Status, no.Reason)
		return
	}
	commands, err := httpstream.ParseCommands(body, isProtobuf(r.Header.Get("Content-Type"), r.URL.RawQuery))
	unknown := func() {
		if commands.Node == "" || commands.Node == e.sessions.Node() {
			reject(metrics.EmulationUnknown, "", http.StatusNotFound, "")
			return
		}
		e.logForeign(commands.Node)
		reject(metrics.EmulationForeign, "", http.StatusNotFound, textForeign)
	}
	switch {
	case errors.Is(err, httpstream.ErrUnknownSession):
		unknown()
		return
	case err != nil:
		reject(metrics.EmulationMalformed, "", http.StatusBadRequest, err.Error())
		return
	case len(commands.Data) > most:
		reject(metrics.EmulationMalformed, "", http.StatusRequestEntityTooLarge, fmt.Sprintf("data: must have at most %d bytes", most))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), fallbackTimeout)
	defer cancel()
	switch err := e.sessions.Deliver(ctx, commands.Session, commands.Data); {
	case errors.Is(err, httpstream.ErrUnknownSession), errors.Is(err, httpstream.ErrClosed):
		unknown()
	case err != nil:
		reject(metrics.EmulationRate, metrics.RejectedRate, http.StatusTooManyRequests, "the session has too many unread commands")
	default:
		e.metrics.EmulationRequests.WithLabelValues(metrics.EmulationAccepted).Inc()
		w.WriteHeader(http.StatusNoContent)
	}
}

// textForeign is the response to commands for a session of another process.
const textForeign = "the session is of another process, or of this one before a restart: route " + EmulationPath + " to the process of the stream"

// logForeign logs commands for a session of another process.
func (e *Edge) logForeign(node string) {
	e.Fallbacks.logs.Do(func() {
		e.log.Warn("commands for a stream of another process, or of this one before a restart, rejected: route "+EmulationPath+
			" to the process of the stream; logged at most once per second", "node", logqueue.Clip(node), "this_node", e.sessions.Node())
	})
}

// readFallbackBody reads a body of at most limit bytes, within the bounds of all requests of the fallbacks. Call done when the body and the
// place of the request are no longer needed, also after a rejection.
func (e *Edge) readFallbackBody(w http.ResponseWriter, r *http.Request, limit int) (body []byte, done func(), no *rejection) {
	fb := e.Fallbacks
	tooBig := &rejection{metrics.HandshakeMalformed, http.StatusRequestEntityTooLarge, fmt.Sprintf("body: must have at most %d bytes", limit)}
	full := &rejection{metrics.HandshakeFull, http.StatusTooManyRequests, "too many requests in progress: retry after " + retryAfterSeconds + " s"}
	size := int(r.ContentLength) // -1 if it is unknown
	if r.ContentLength > int64(limit) {
		return nil, func() {}, tooBig
	}
	if size < 0 {
		size = limit
	}
	socket := http.NewResponseController(w)
	if err := socket.SetReadDeadline(time.Now().Add(fallbackTimeout)); err != nil {
		return nil, func() {}, &rejection{metrics.HandshakeFailed, http.StatusInternalServerError, fmt.Sprintf("read deadline not set: %v", err)}
	}
	place := fb.InProgress.Acquire(e.proxies.addressKeyOf(r), func() {
		if err := socket.SetReadDeadline(time.Now()); err != nil {
			e.log.Debug("read deadline not set", "error", err)
		}
	})
	if place == nil {
		return nil, func() {}, full
	}
	if !fb.Bodies.Reserve(size) {
		fb.InProgress.Release(place)
		return nil, func() {}, full
	}
	done = func() {
		fb.Bodies.Release(size)
		fb.InProgress.Release(place)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	inTime := fb.InProgress.StopWaiting(place)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, done, tooBig
	case err != nil && !inTime:
		return nil, done, full
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.metrics.HTTPRejected.WithLabelValues(metrics.RejectedSlow).Inc()
		return nil, done, &rejection{metrics.HandshakeMalformed, http.StatusRequestTimeout, fmt.Sprintf("body: must arrive within %v", fallbackTimeout)}
	case err != nil:
		return nil, done, &rejection{metrics.HandshakeMalformed, http.StatusBadRequest, fmt.Sprintf("body: %v", err)}
	}
	return body, done, nil
}
