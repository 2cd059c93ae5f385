package chat

// Rejection is the reason why the chat rejects a request. Sessions and the server API map it to an error of the SDK protocol. Nil: no
// rejection. Rejections without a detail are the variables below, so they can be compared.
type Rejection struct {
	Cause  rejectionCause
	Detail string // text for clients and the application; may be empty
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
	CauseUnavailable
	RejectionCauses
)

// Causes between nodes. Clients do not receive them.
const (
	causeChanged  = RejectionCauses + iota // of a change of values that others have changed meanwhile
	causeSlowMode                          // of RejectSlowMode
)

var (
	RejectInternal      = &Rejection{Cause: CauseInternal}
	rejectTimeout       = &Rejection{Cause: CauseTimeout}     // some connections did not execute a command in time
	rejectUnknownRoom   = &Rejection{Cause: CauseUnknownRoom} // see Hub.Unknown
	rejectDenied        = &Rejection{Cause: CauseDenied}
	RejectLimit         = &Rejection{Cause: CauseLimit}
	rejectInvalid       = &Rejection{Cause: CauseInvalid}
	rejectRate          = &Rejection{Cause: CauseRate} // a retry may succeed
	rejectUnrecoverable = &Rejection{Cause: CauseUnrecoverable}
	RejectSlowMode      = &Rejection{Cause: CauseRate}        // by the owner of the log
	RejectUnavailable   = &Rejection{Cause: CauseUnavailable} // the disk does not store publications of durable rooms; a retry may succeed
)

// RejectionOf returns the rejection that another node has sent. One without a detail is a variable above.
func RejectionOf(cause uint8, detail string) *Rejection {
	if detail == "" {
		for _, e := range []*Rejection{
			RejectInternal, rejectTimeout, rejectUnknownRoom, rejectDenied, RejectLimit, rejectInvalid, rejectRate, rejectUnrecoverable, RejectUnavailable,
		} {
			if uint8(e.Cause) == cause {
				return e
			}
		}
	}
	return &Rejection{rejectionCause(cause), detail}
}
