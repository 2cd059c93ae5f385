package cluster

// lookAtOwners counts the changes of the owners of the logs. Called by Run, once a tick.
func (n *Node) lookAtOwners() {
	for _, lg := range n.logs.all() {
		owner, _, _ := lg.log.Position()
		if owner.Node == "" || owner.Node == lg.owner {
			continue
		}
		if lg.owner != "" {
			lg.changes.Add(1)
		}
		lg.owner = owner.Node
	}
}

// lag returns the number of records that the owner of a log has, as far as this node knows, and that are not applied here. last is the last one applied.
func (lg *nodeLog) lag(last uint64) uint64 {
	if lg.memory != nil {
		return lg.memory.Lag(last)
	}
	return lg.log.Lag()
}

// forgetLinks forgets the counts of nodes that have left. Called by Run.
func (n *Node) forgetLinks() {
	n.mu.Lock()
	members := n.table.Members()
	n.mu.Unlock()
	n.links.keep(members)
}
