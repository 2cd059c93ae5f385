package chat

import (
	"errors"

	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// addedOrRejected returns the rejection for an error of home.Home.Add; nil for none.
func (h *Hub) addedOrRejected(err error) *Rejection {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, home.ErrBusy):
		return rejectRate
	case errors.Is(err, record.ErrTooLarge):
		return RejectLimit
	}
	h.Metrics.Durable.Rejected.Inc()
	return RejectUnavailable
}
