package brokertest

import "github.com/throng-chat/throng/server/broker"

// network is what keeps messages from their receivers, under Fake.mu.
type network struct {
	minority map[broker.NodeID]bool // of a split
	cut      map[way]bool
	delayed  map[broker.NodeID]bool
}

// way is the messages of one node to another.
type way struct{ from, to broker.NodeID }

func newNetwork() network {
	return network{minority: map[broker.NodeID]bool{}, cut: map[way]bool{}, delayed: map[broker.NodeID]bool{}}
}

func (nw *network) passes(from, to broker.NodeID) bool {
	return nw.minority[from] == nw.minority[to] && !nw.cut[way{from, to}]
}
