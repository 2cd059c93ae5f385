//go:build !nonats

package natsbroker

import (
	"context"
	"time"
)

// Mistakes of operators with the other nodes, as the engine sees them.

// Taken returns an error if another process has the name of this node.
func (e *engine) Taken() error {
	if e.peers == nil {
		return nil
	}
	return e.peers.taken()
}

// Faults returns what is wrong with the addresses of other nodes, or with their names, for operators.
func (e *engine) Faults() []string {
	if e.peers == nil {
		return e.rejected.Load().list(time.Now())
	}
	return e.peers.list()
}

// claimShown is the time for which a claim that was rejected is a fault: the other process has ended, and may start again and again.
const claimShown = time.Minute

// rejectedClaim is another process that asked for the name of this one.
type rejectedClaim struct {
	by string
	at time.Time
}

// reject notes such a process.
func (e *engine) reject(by string) { e.rejected.Store(&rejectedClaim{by, time.Now()}) }

// list returns the fault; nil for no claim, or for one from before claimShown.
func (rc *rejectedClaim) list(now time.Time) []string {
	if rc == nil || now.Sub(rc.at) >= claimShown {
		return nil
	}
	return []string{"another process asked for the name of this node, and was rejected: " + rc.by}
}

// startFailure is the last line of the log about a start of the engine that failed. Each attempt, one a second, would have the same line.
type startFailure struct {
	text string
	at   time.Time
}

// isDue reports whether a line about a failure is due: at once if it is another one than before, otherwise once in repeatedAgain.
func (sf *startFailure) isDue(text string, now time.Time) bool {
	text = changing.ReplaceAllString(text, "#")
	if text == sf.text && now.Sub(sf.at) < repeatedAgain {
		return false
	}
	sf.text, sf.at = text, now
	return true
}

// routes returns the ID of the server of this node, and the number of other nodes with a route to it. ctx ends with the server; nil while it starts.
func (e *engine) routes() (ctx context.Context, self string, n int) {
	i, err := e.running(context.Background())
	if err != nil {
		return nil, "", 0
	}
	return i.down, i.server.ID(), i.server.NumRemotes()
}
