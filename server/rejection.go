package server

// rejection is why the chat does not do what somebody asks for. A session and the server API map it to an error of the SDK protocol
// (refusal.go). Nil is no rejection. Those without a detail are the variables below, so they can be compared.
type rejection struct {
	cause  rejectionCause
	detail string // for clients and the application; empty where the cause says all
}

type rejectionCause uint8

const (
	causeInternal rejectionCause = iota
	causeTimeout
	causeUnknownRoom
	causeDenied
	causeLimit
	causeInvalid
	causeRate
	causeUnrecoverable
	rejectionCauses
)

var (
	rejectInternal      = &rejection{cause: causeInternal}
	rejectTimeout       = &rejection{cause: causeTimeout}     // not all connections did in time what the application commands
	rejectUnknownRoom   = &rejection{cause: causeUnknownRoom} // rooms are closed, and no pattern fits this one
	rejectDenied        = &rejection{cause: causeDenied}
	rejectLimit         = &rejection{cause: causeLimit}
	rejectInvalid       = &rejection{cause: causeInvalid}
	rejectRate          = &rejection{cause: causeRate} // may be allowed later
	rejectUnrecoverable = &rejection{cause: causeUnrecoverable}
)
