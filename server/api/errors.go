package api

import (
	"fmt"
	"net/http"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/session"
)

// badRequest returns error 107 with a detail.
func badRequest(format string, args ...any) *protocol.Error {
	return &protocol.Error{Code: session.ErrBadRequest.Code, Message: "bad request: " + fmt.Sprintf(format, args...)}
}

// notAvailable returns error 108 with the missing setting. Only the application receives it; clients do not.
func notAvailable(why string) *protocol.Error {
	return &protocol.Error{Code: session.ErrNotAvailable.Code, Message: session.ErrNotAvailable.Message + ": " + why}
}

// overLimit returns error 106 with the limit.
func overLimit(format string, args ...any) *protocol.Error {
	return &protocol.Error{Code: session.ErrLimit.Code, Message: "limit exceeded: " + fmt.Sprintf(format, args...)}
}

// errNotStored: a sanction is in effect, or not. A repetition is safe.
var errNotStored = &protocol.Error{Code: session.ErrUnavailable.Code, Message: "temporarily not available: the sanction may not be on disk: retry later", Temporary: true}

const retryAfterSeconds = "2" // of a response with status 503

// HTTPStatus returns the status of an error with the header X-Centrifugo-Error-Mode: transport.
func HTTPStatus(e *protocol.Error) int {
	if e == session.ErrUnavailable || e == errNotStored {
		return http.StatusServiceUnavailable
	}
	switch e.Code {
	case session.ErrUnauthorized.Code:
		return http.StatusUnauthorized
	case session.ErrUnknownChannel.Code, session.ErrNoMethod.Code:
		return http.StatusNotFound
	case session.ErrDenied.Code:
		return http.StatusForbidden
	case session.ErrBadRequest.Code, session.ErrNotAvailable.Code, session.ErrLimit.Code, session.ErrAlreadySubscribed.Code:
		return http.StatusBadRequest
	case session.ErrTooManyRequests.Code:
		return http.StatusTooManyRequests
	case session.ErrUnrecoverable.Code:
		return http.StatusRequestedRangeNotSatisfiable
	}
	return http.StatusInternalServerError
}
