//go:build !nonats

package natsbroker

import "time"

// claimShown is the time for which a claim that was rejected is a fault: the other process has ended, and may start again and again.
const claimShown = time.Minute

// rejectedClaim is another process that asked for the name of this one.
type rejectedClaim struct {
	by string
	at time.Time
}

// list returns the fault; nil for no claim, or for one from before claimShown.
func (rc *rejectedClaim) list(now time.Time) []string {
	if rc == nil || now.Sub(rc.at) >= claimShown {
		return nil
	}
	return []string{"another process asked for the name of this node, and was rejected: " + rc.by}
}
