package durability

// Network is how the nodes of a cluster reach each other: by proxies of this process, or in network namespaces of the kernel.
type Network interface {
	// places returns where the nodes run.
	places(nodes int) ([]place, error)
	// part stops what a node sends to the other nodes, what it receives from them, or both. The clients still reach it.
	part(node int, sends, receives bool) error
	// cut stops what two nodes send to each other. The other nodes reach both.
	cut(one, other int) error
	// heal lets all pass.
	heal() error
	close() error
}

// place is where a node runs, and its addresses.
type place struct {
	prefix        []string // of its command; empty: this process's network
	listen        string   // for the other nodes
	peers         []string // itself, and how it reaches the others
	public, admin string   // for clients and for the run
}
