package fanout

import "slices"

// Reason is why a connection ended. Only the first reason of a connection counts. Its name is a label of throng_closes_total.
type Reason uint32

const (
	StillOpen           Reason = iota
	ClosedByClient             // the client sent a close frame
	ClosedAbnormally           // TCP ended without a close frame
	ClosedProtocol             // the client broke RFC 6455
	ClosedNotUTF8              // a text that is not UTF-8
	ClosedTooBig               // a message over its limit
	ClosedRate                 // over a rate limit
	ClosedSlow                 // slow consumer
	ClosedPingTimeout          // no answer to a ping
	ClosedShutdown             // the server stops
	ClosedByAdmin              // by the operator
	ClosedPanic                // a panic in the code of the server
	ClosedToken                // invalid token
	ClosedExpired              // the token expired and was not refreshed
	ClosedStale                // no connect command in time
	ClosedLimit                // too many connections of one user
	ClosedDenied               // not allowed to publish
	ClosedByApplication        // by the server API or a webhook
	ClosedPosition             // a publication was lost in a server-side subscription
	ClosedUnfinished           // a message was not finished in time, or the budget of unfinished messages was exceeded
	ClosedUnavailable          // a message of a plain client in a durable room was not stored
	reasonCount
)

// ReasonNames are the labels of the reasons.
var ReasonNames = [reasonCount]string{
	StillOpen:           "open",
	ClosedByClient:      "client",
	ClosedAbnormally:    "gone",
	ClosedProtocol:      "protocol_error",
	ClosedNotUTF8:       "not_utf8",
	ClosedTooBig:        "too_big",
	ClosedRate:          "rate",
	ClosedSlow:          "slow",
	ClosedPingTimeout:   "ping_timeout",
	ClosedShutdown:      "shutdown",
	ClosedByAdmin:       "admin",
	ClosedPanic:         "panic",
	ClosedToken:         "token",
	ClosedExpired:       "expired",
	ClosedStale:         "stale",
	ClosedLimit:         "limit",
	ClosedDenied:        "forbidden",
	ClosedByApplication: "application",
	ClosedPosition:      "insufficient_state",
	ClosedUnfinished:    "unfinished",
	ClosedUnavailable:   "unavailable",
}

// String returns the label of the reason.
func (why Reason) String() string { return ReasonNames[why] }

// CloseLabels returns the labels of throng_closes_total, by Reason. The one of StillOpen is empty: it has no counter.
func CloseLabels() []string {
	labels := slices.Clone(ReasonNames[:])
	labels[StillOpen] = ""
	return labels
}
