package cluster

// refusals are the reasons why this node must not start, and the runs of nodes whose version is too far away. Guarded by Node.mu.
type refusals struct {
	seen map[string]bool // by ID
	err  error           // this node must not start
	stop func()          // ends what Start does; set by Start
}
