package server

import "slices"

// closeReason says why a connection ended. The first reason stands. It labels throng_closes_total.
type closeReason uint32

const (
	stillOpen closeReason = iota
	closedByClient
	closedGone // TCP ended without a close frame
	closedProtocol
	closedNotUTF8
	closedTooBig
	closedRate
	closedSlow
	closedPingTimeout
	closedShutdown
	closedByAdmin
	closedPanic
	closedToken     // no good
	closedExpired   // its token, and no new one came
	closedStale     // nothing came that says who it is
	closedLimit     // too many of one user
	closedForbidden // to say something there
	closedByApplication
	closedPosition   // a publication did not come to it in a room that the server gave it
	closedUnfinished // a message that it began did not end
	reasonCount
)

var reasonNames = [reasonCount]string{
	stillOpen:           "open",
	closedByClient:      "client",
	closedGone:          "gone",
	closedProtocol:      "protocol_error",
	closedNotUTF8:       "not_utf8",
	closedTooBig:        "too_big",
	closedRate:          "rate",
	closedSlow:          "slow",
	closedPingTimeout:   "ping_timeout",
	closedShutdown:      "shutdown",
	closedByAdmin:       "admin",
	closedPanic:         "panic",
	closedToken:         "token",
	closedExpired:       "expired",
	closedStale:         "stale",
	closedLimit:         "limit",
	closedForbidden:     "forbidden",
	closedByApplication: "application",
	closedPosition:      "insufficient_state",
	closedUnfinished:    "unfinished",
}

func (r closeReason) String() string { return reasonNames[r] }

// closeLabels are the labels of throng_closes_total, by closeReason: none for stillOpen.
func closeLabels() []string {
	labels := slices.Clone(reasonNames[:])
	labels[stillOpen] = ""
	return labels
}
