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

// reject notes another process that asked for the name of this node.
func (e *engine) reject(by string) { e.rejected.Store(&rejectedClaim{by, time.Now()}) }

// routes returns the ID of the server of this node, and the number of other nodes with a route to it. ctx ends with the server; nil while it starts.
func (e *engine) routes() (ctx context.Context, self string, n int) {
	i, err := e.running(context.Background())
	if err != nil {
		return nil, "", 0
	}
	return i.down, i.server.ID(), i.server.NumRemotes()
}
