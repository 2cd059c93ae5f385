package cluster

import "time"

const (
	waitShownAfter = time.Second      // of the start
	waitShownAgain = 10 * time.Second // if the reason is the same
)

// starting is what Start does. Guarded by Node.mu.
type starting struct {
	what string // is read
	err  error  // of the last attempt; nil before its end
}

// waitLog limits the lines of the log about one reason. Owned by Start.
type waitLog struct {
	last   time.Time
	reason waitReason
}

// waitReason is what a start waits for.
type waitReason uint8

const (
	noReason waitReason = iota // no line was written
	forMajority
	forStorage
)

// isDue reports whether a line about a reason is due.
func (wl *waitLog) isDue(reason waitReason, now time.Time) bool {
	again := waitShownAgain
	if reason != wl.reason {
		again = waitShownAfter
	}
	if now.Sub(wl.last) < again {
		return false
	}
	wl.last, wl.reason = now, reason
	return true
}
