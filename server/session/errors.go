package session

import (
	"strconv"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// The errors of the SDK protocol. The codes are those of Centrifugo, because SDKs interpret them.
var (
	errInternal          = &protocol.Error{Code: 100, Message: "internal server error", Temporary: true}
	ErrTimeout           = &protocol.Error{Code: errInternal.Code, Message: "not finished: not all connections have answered within 5 s", Temporary: true}
	ErrUnavailable       = &protocol.Error{Code: errInternal.Code, Message: "temporarily not available: the storage of the room does not answer: retry later", Temporary: true}
	ErrUnauthorized      = &protocol.Error{Code: 101, Message: "unauthorized"}
	ErrUnknownChannel    = &protocol.Error{Code: 102, Message: "unknown channel"}
	ErrDenied            = &protocol.Error{Code: 103, Message: "permission denied"}
	ErrNoMethod          = &protocol.Error{Code: 104, Message: "method not found"}
	ErrAlreadySubscribed = &protocol.Error{Code: 105, Message: "already subscribed"}
	ErrLimit             = &protocol.Error{Code: 106, Message: "limit exceeded"}
	ErrBadRequest        = &protocol.Error{Code: 107, Message: "bad request"}
	ErrNotAvailable      = &protocol.Error{Code: 108, Message: "not available"}
	errTokenExpired      = &protocol.Error{Code: 109, Message: "token expired"}
	errSubTokenExpired   = &protocol.Error{Code: 109, Message: "token expired", Temporary: true} // temporary: each SDK then requests another token
	ErrTooManyRequests   = &protocol.Error{Code: 111, Message: "too many requests", Temporary: true}
	ErrUnrecoverable     = &protocol.Error{Code: 112, Message: "unrecoverable position"}
)

// errorsOfRejections maps the rejections of the chat to errors of the protocol.
var errorsOfRejections = [chat.RejectionCauses]*protocol.Error{
	chat.CauseInternal:      errInternal,
	chat.CauseTimeout:       ErrTimeout,
	chat.CauseUnknownRoom:   ErrUnknownChannel,
	chat.CauseDenied:        ErrDenied,
	chat.CauseLimit:         ErrLimit,
	chat.CauseInvalid:       ErrBadRequest,
	chat.CauseRate:          ErrTooManyRequests,
	chat.CauseUnrecoverable: ErrUnrecoverable,
	chat.CauseUnavailable:   ErrUnavailable,
}

// ErrorOf returns the error of a rejection; nil for nil. Without a detail it is one of the errors above.
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

// disconnect has the reason and the close frame of a disconnect. An SDK reconnects after the codes below 3500 and 4000 to 4499 only.
type disconnect struct {
	reason fanout.Reason
	code   ws.CloseCode
	text   string
}

var (
	disconnectShutdown      = disconnect{fanout.ClosedShutdown, 3001, "shutdown"}
	disconnectServerError   = disconnect{fanout.ClosedByApplication, 3004, "internal server error"}
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
	disconnectBanned        = disconnect{fanout.ClosedDenied, 3507, "banned"}
	disconnectDenied        = disconnect{fanout.ClosedDenied, 3507, "permission denied"}
	disconnectNotAvailable  = disconnect{fanout.ClosedDenied, 3508, "not available"}
)

// unsubscribeReason is the reason why the server ends a subscription. An SDK subscribes again after the codes from 2500 on only.
type unsubscribeReason struct {
	code uint32
	text string
}

var (
	unsubscribedByServer     = unsubscribeReason{2000, "server unsubscribe"}
	unsubscribedByKick       = unsubscribeReason{2000, "kicked"}
	unsubscribedByBan        = unsubscribeReason{2000, "banned"}
	unsubscribedByRemoval    = unsubscribeReason{2000, "no longer a member"}
	unsubscribedByDeletion   = unsubscribeReason{2000, "room deleted"}
	unsubscribedByToken      = unsubscribeReason{2000, "no longer in the token"}
	unsubscribedByRevocation = unsubscribeReason{2000, "token revoked"}
	unsubscribedInsufficient = unsubscribeReason{2500, "insufficient state"}
	unsubscribedExpired      = unsubscribeReason{2501, "subscription expired"}
)

// ErrorLabel returns the label of an error in the metrics. All codes of the application, from 400 on, share one.
func ErrorLabel(e *protocol.Error) string {
	if e.Code >= 400 {
		return "application"
	}
	return strconv.FormatUint(uint64(e.Code), 10)
}

// uniDisconnect returns the disconnect for an error of a client without commands, which has no reply for it.
func uniDisconnect(e *protocol.Error) disconnect {
	switch e.Code {
	case errTokenExpired.Code:
		return disconnectExpired
	case ErrTooManyRequests.Code:
		return disconnectTooMany
	case errInternal.Code:
		return disconnectServerError
	}
	d := disconnectDenied
	d.text = ws.CutReason(e.Message)
	return d
}
