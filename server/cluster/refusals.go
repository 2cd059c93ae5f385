package cluster

// refusals are the runs of nodes whose version is too far away. Guarded by Node.mu.
type refusals struct {
	seen map[string]bool // by ID
	err  error           // of a node that serves: this one must not start
}
