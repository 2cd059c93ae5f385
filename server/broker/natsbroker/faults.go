//go:build !nonats

package natsbroker

import "context"

// Mistakes of operators with the other nodes, as the engine sees them.

// Taken returns an error if another process has the name of this node.
func (e *engine) Taken() error {
	if e.peers == nil {
		return nil
	}
	return e.peers.taken()
}

// Faults returns what is wrong with the addresses of other nodes, for operators.
func (e *engine) Faults() []string {
	if e.peers == nil {
		return nil
	}
	return e.peers.list()
}

// routes returns the ID of the server of this node, and the number of other nodes with a route to it. ctx ends with the server; nil while it starts.
func (e *engine) routes() (ctx context.Context, self string, n int) {
	i, err := e.running(context.Background())
	if err != nil {
		return nil, "", 0
	}
	return i.down, i.server.ID(), i.server.NumRemotes()
}
