package chat

import (
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
)

// JoinCluster makes the hub that of a node of a cluster: rooms that are not durable have a log in memory. node is the ID of this one. requests are those of
// this node to the owner of that log. Call it once, before the hub has rooms. The caller follows and runs the log (Hub.Logs).
func (h *Hub) JoinCluster(node string, inMemory home.Config, requests *link.Queue, others Others) *Durable {
	h.node, h.others = node, others
	h.Sanctions.imposed = h.endSanctioned
	h.InMemory = h.newDurable(inMemory, &h.values)
	h.InMemory.requests = requests
	return h.InMemory
}
