package session

import (
	"strconv"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// What a client of the SDK protocol is told that asks for what it may not have. A command is answered with an error; a
// connection that is no good is ended with a code. The numbers are the protocol's, and so is what an SDK does about them.
var (
	errInternal        = &protocol.Error{Code: 100, Message: "internal server error", Temporary: true}
	ErrNotInTime       = &protocol.Error{Code: errInternal.Code, Message: "internal server error: not all connections were dealt with in time", Temporary: true}
	ErrUnauthorized    = &protocol.Error{Code: 101, Message: "unauthorized"}
	ErrUnknownChannel  = &protocol.Error{Code: 102, Message: "unknown channel"}
	ErrDenied          = &protocol.Error{Code: 103, Message: "permission denied"}
	ErrNoMethod        = &protocol.Error{Code: 104, Message: "method not found"}
	ErrAlreadyIn       = &protocol.Error{Code: 105, Message: "already subscribed"}
	ErrLimit           = &protocol.Error{Code: 106, Message: "limit exceeded"}
	ErrBadRequest      = &protocol.Error{Code: 107, Message: "bad request"}
	ErrNotAvailable    = &protocol.Error{Code: 108, Message: "not available"}
	errTokenExpired    = &protocol.Error{Code: 109, Message: "token expired"}
	errRefreshExpired  = &protocol.Error{Code: 109, Message: "token expired", Temporary: true} // an SDK asks for another; without the flag it gives up
	ErrTooManyRequests = &protocol.Error{Code: 111, Message: "too many requests", Temporary: true}
	ErrUnrecoverable   = &protocol.Error{Code: 112, Message: "unrecoverable position"}
)

// errorsOfRejections are what a client is answered with where the chat rejects what it asks for.
var errorsOfRejections = [chat.RejectionCauses]*protocol.Error{
	chat.CauseInternal:      errInternal,
	chat.CauseTimeout:       ErrNotInTime,
	chat.CauseUnknownRoom:   ErrUnknownChannel,
	chat.CauseDenied:        ErrDenied,
	chat.CauseLimit:         ErrLimit,
	chat.CauseInvalid:       ErrBadRequest,
	chat.CauseRate:          ErrTooManyRequests,
	chat.CauseUnrecoverable: ErrUnrecoverable,
}

// ErrorOf returns a rejection as the protocol has it, nil for none: one of the errors above where it has no detail.
func ErrorOf(r *chat.Rejection) *protocol.Error {
	switch {
	case r == nil:
		return nil
	case r.Detail == "":
		return errorsOfRejections[r.Cause]
	}
	e := errorsOfRejections[r.Cause]
	return &protocol.Error{Code: e.Code, Message: e.Message + ": " + r.Detail, Temporary: e.Temporary}
}

// disconnect ends a connection: below 3500 and from 4000 to 4499 an SDK comes back, else it does not.
type disconnect struct {
	reason fanout.Reason
	Code   ws.CloseCode
	Text   string
}

var (
	disconnectShutdown      = disconnect{fanout.ClosedShutdown, 3001, "shutdown"}
	disconnectExpired       = disconnect{fanout.ClosedExpired, 3005, "connection expired"}
	disconnectInsufficient  = disconnect{fanout.ClosedPosition, 3010, "insufficient state"}
	disconnectNoPong        = disconnect{fanout.ClosedPingTimeout, 3012, "no pong"}
	disconnectTooMany       = disconnect{fanout.ClosedRate, 3013, "too many requests"}
	disconnectInvalidToken  = disconnect{fanout.ClosedToken, 3500, "invalid token"}
	disconnectBadRequest    = disconnect{fanout.ClosedProtocol, 3501, "bad request"}
	disconnectNoToken       = disconnect{fanout.ClosedProtocol, 3501, "bad request: token required"}
	disconnectStale         = disconnect{fanout.ClosedStale, 3502, "stale"}
	DisconnectForced        = disconnect{fanout.ClosedByAdmin, 3503, "force disconnect"}
	disconnectTooManyOfUser = disconnect{fanout.ClosedLimit, 3504, "connection limit"}
	disconnectBanned        = disconnect{fanout.ClosedForbidden, 3507, "banned"}
	disconnectNotAvailable  = disconnect{fanout.ClosedForbidden, 3508, "not available"}
)

// ending is why the server takes a subscription away: from 2500 on an SDK subscribes again, below it does not.
type ending struct {
	code uint32
	text string
}

var (
	endedByServer     = ending{2000, "server unsubscribe"}
	endedByKick       = ending{2000, "kicked"}
	endedByBan        = ending{2000, "banned"}
	endedByToken      = ending{2000, "no longer in the token"}
	endedByRevocation = ending{2000, "token revoked"}
	endedInsufficient = ending{2500, "insufficient state"}
	endedExpired      = ending{2501, "subscription expired"}
)

// ErrorLabel is an error in the metrics. The codes of the application, which begin at 400, are one.
func ErrorLabel(e *protocol.Error) string {
	if e.Code >= 400 {
		return "application"
	}
	return strconv.FormatUint(uint64(e.Code), 10)
}
