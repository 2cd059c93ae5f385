package fanout

import "slices"

// Reason says why a connection ended. The first reason stands. It labels throng_closes_total.
type Reason uint32

const (
	StillOpen Reason = iota
	ClosedByClient
	ClosedGone // TCP ended without a close frame
	ClosedProtocol
	ClosedNotUTF8
	ClosedTooBig
	ClosedRate
	ClosedSlow
	ClosedPingTimeout
	ClosedShutdown
	ClosedByAdmin
	ClosedPanic
	ClosedToken     // no good
	ClosedExpired   // its token, and no new one came
	ClosedStale     // nothing came that says who it is
	ClosedLimit     // too many of one user
	ClosedForbidden // to say something there
	ClosedByApplication
	ClosedPosition   // a publication did not come to it in a room that the server gave it
	ClosedUnfinished // a message that it began did not end
	reasonCount
)

var ReasonNames = [reasonCount]string{
	StillOpen:           "open",
	ClosedByClient:      "client",
	ClosedGone:          "gone",
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
	ClosedForbidden:     "forbidden",
	ClosedByApplication: "application",
	ClosedPosition:      "insufficient_state",
	ClosedUnfinished:    "unfinished",
}

func (why Reason) String() string { return ReasonNames[why] }

// CloseLabels are the labels of throng_closes_total, by Reason: none for StillOpen.
func CloseLabels() []string {
	labels := slices.Clone(ReasonNames[:])
	labels[StillOpen] = ""
	return labels
}
