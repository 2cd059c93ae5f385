package api

import (
	"fmt"
	"net/http"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/session"
)

// badRequest is error 107, and what is wrong.
func badRequest(format string, args ...any) *protocol.Error {
	return &protocol.Error{Code: session.ErrBadRequest.Code, Message: "bad request: " + fmt.Sprintf(format, args...)}
}

// notAvailable returns error 108 with the setting that is missing. Clients are not told: it is the application's to change.
func notAvailable(why string) *protocol.Error {
	return &protocol.Error{Code: session.ErrNotAvailable.Code, Message: session.ErrNotAvailable.Message + ": " + why}
}

// overLimit is error 106, and which limit.
func overLimit(format string, args ...any) *protocol.Error {
	return &protocol.Error{Code: session.ErrLimit.Code, Message: "limit exceeded: " + fmt.Sprintf(format, args...)}
}

// HttpStatus is that of an error in the transport mode.
func HttpStatus(e *protocol.Error) int {
	switch e.Code {
	case session.ErrUnauthorized.Code:
		return http.StatusUnauthorized
	case session.ErrUnknownChannel.Code, session.ErrNoMethod.Code:
		return http.StatusNotFound
	case session.ErrDenied.Code:
		return http.StatusForbidden
	case session.ErrBadRequest.Code, session.ErrNotAvailable.Code, session.ErrLimit.Code, session.ErrAlreadyIn.Code:
		return http.StatusBadRequest
	case session.ErrTooManyRequests.Code:
		return http.StatusTooManyRequests
	case session.ErrUnrecoverable.Code:
		return http.StatusRequestedRangeNotSatisfiable
	}
	return http.StatusInternalServerError
}
