package edge

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
)

// proxyPlain sends a proxy request that decides whether a plain client may join a room. It returns why not, or nil. It blocks as long as
// Hooks.AdmitPlain.
func (e *Edge) proxyPlain(w http.ResponseWriter, r *http.Request, room string) *rejection {
	// The time limits of net/http are for requests that need no application. The proxy request has a timeout of its own.
	c := http.NewResponseController(w)
	if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); err != nil {
		return proxyRejection(err)
	}
	defer func() {
		if err := c.SetWriteDeadline(time.Now().Add(HeadTimeout)); err != nil {
			e.log.Debug("write deadline not set", "error", err)
		}
	}()
	if err := e.hooks.AdmitPlain(r.Context(), e.proxies.addressKeyOf(r), room); err != nil {
		return proxyRejection(err)
	}
	if e.sessions.Draining.Load() {
		return draining()
	}
	return nil
}

// proxyRejection returns the rejection for an error of Hooks.AdmitPlain.
func proxyRejection(err error) *rejection {
	switch denied := session.PlainDenied(""); {
	case errors.As(err, &denied):
		return &rejection{metrics.HandshakeForbidden, http.StatusForbidden, denied.Error()}
	case errors.Is(err, session.ErrPlainQueueFull):
		return &rejection{metrics.HandshakeFull, http.StatusServiceUnavailable, err.Error() + ": retry after " + retryAfterSeconds + " s"}
	}
	return &rejection{metrics.HandshakeFailed, http.StatusServiceUnavailable, fmt.Sprintf("the application did not respond (%v): retry after %s s", err, retryAfterSeconds)}
}
