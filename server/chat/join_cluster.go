package chat

import (
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
)

// JoinCluster makes the hub that of a node of a cluster, after UseLog: rooms that are not durable have a log in memory. node is the ID of this one. requests are those of this
// node to the owners of the two logs. Call it once, before the hub has rooms. The caller follows and runs Hub.Durable and Hub.InMemory.
func (h *Hub) JoinCluster(node string, inMemory home.Config, durable, volatile *link.Queue, others Others) {
	h.node, h.others = node, others
	h.Sanctions.imposed = h.endSanctioned
	h.InMemory = h.newDurable(inMemory, &h.values.inMemory)
	h.Durable.requests, h.InMemory.requests = durable, volatile
}

// Logs returns the logs of the rooms.
func (h *Hub) Logs() (logs []*Durable) {
	if h.Durable != nil {
		logs = append(logs, h.Durable)
	}
	if h.InMemory != nil {
		logs = append(logs, h.InMemory)
	}
	return logs
}
