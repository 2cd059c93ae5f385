package chat

// Rejection is why the chat does not do what somebody asks for. A session and the server API map it to an error of the SDK protocol
// (session/refusal.go). Nil is no rejection. Those without a detail are the variables below, so they can be compared.
type Rejection struct {
	Cause  rejectionCause
	Detail string // for clients and the application; empty where the cause says all
}

type rejectionCause uint8

const (
	CauseInternal rejectionCause = iota
	CauseTimeout
	CauseUnknownRoom
	CauseDenied
	CauseLimit
	CauseInvalid
	CauseRate
	CauseUnrecoverable
	RejectionCauses
)

var (
	RejectInternal      = &Rejection{Cause: CauseInternal}
	rejectTimeout       = &Rejection{Cause: CauseTimeout}     // not all connections did in time what the application commands
	rejectUnknownRoom   = &Rejection{Cause: CauseUnknownRoom} // rooms are closed, and no pattern fits this one
	rejectDenied        = &Rejection{Cause: CauseDenied}
	RejectLimit         = &Rejection{Cause: CauseLimit}
	rejectInvalid       = &Rejection{Cause: CauseInvalid}
	rejectRate          = &Rejection{Cause: CauseRate} // may be allowed later
	rejectUnrecoverable = &Rejection{Cause: CauseUnrecoverable}
)
