package edge

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
)

// askPlain asks the application whether a plain client may connect and enter a room, or returns why it is refused. It blocks as long as
// Hooks.AdmitPlain.
func (e *Edge) askPlain(w http.ResponseWriter, r *http.Request, room string) *refusal {
	// The times of the public server are for requests that it can answer by itself. What follows has an end of its own.
	c := http.NewResponseController(w)
	if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); err != nil {
		return refusedByApplication(err)
	}
	defer func() {
		if err := c.SetWriteDeadline(time.Now().Add(HeadTimeout)); err != nil {
			e.log.Debug("time for the answer not limited", "error", err)
		}
	}()
	if err := e.hooks.AdmitPlain(r.Context(), e.proxies.sourceOf(r), room); err != nil {
		return refusedByApplication(err)
	}
	if e.hub.Draining.Load() {
		return stopping()
	}
	return nil
}

// refusedByApplication is why a plain client is refused, by the error of Hooks.AdmitPlain.
func refusedByApplication(err error) *refusal {
	switch denied := session.PlainDenied(""); {
	case errors.As(err, &denied):
		return &refusal{metrics.HandshakeForbidden, http.StatusForbidden, denied.Error()}
	case errors.Is(err, session.ErrPlainCrowded):
		return &refusal{metrics.HandshakeFull, http.StatusServiceUnavailable, err.Error() + ": come back later"}
	}
	return &refusal{metrics.HandshakeFailed, http.StatusServiceUnavailable, fmt.Sprintf("the application did not answer (%v): come back later", err)}
}
