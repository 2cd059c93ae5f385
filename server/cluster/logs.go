package cluster

import (
	"context"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/home"
)

// The number of durable logs is one of the data. A node learns it when it reaches a majority: before that it has no logs, and reads heartbeats only.

// Join makes a hub that of the node. It has no rooms yet. cfg has the engine, and the limits of all durable logs together and of that in memory.
func (n *Node) Join(h *chat.Hub, cfg home.Config) {
	n.hub, n.homes = h, cfg
	n.closeClients = n.closeAway
	if n.rebalanceAfter == 0 {
		n.rebalanceAfter = rebalanceAfter
	}
	own := cfg
	own.Node, own.Shard = n.homeNode(n.memory), n.memory.shard
	own.Engine, own.MaxBytes = memoryEngine{cfg.Engine, n.memory.memory}, min(cfg.MaxBytes, maxMemoryLog)
	n.memory.log = h.JoinCluster(string(cfg.Engine.Self()), own, n.memory.sender, n)
}

// learnLogs makes the logs that the data have, with homes that are not open. The first node of a new cluster decides how many these are.
func (n *Node) learnLogs(ctx context.Context) error {
	if n.logs.all() != nil {
		return nil
	}
	count, err := n.cfg.Engine.Logs(ctx, max(n.cfg.Logs, 1))
	if err != nil {
		return err
	}
	n.useLogs(count)
	return nil
}

// useLogs makes so many durable logs.
func (n *Node) useLogs(count int) {
	var logs []*nodeLog
	for shard := range count {
		lg := newLog(shard, n.edge, n.wakeUp)
		own := n.homes
		own.Node, own.Shard = n.homeNode(lg), shard
		own.MaxBytes /= int64(count)
		if count > 1 {
			own.Log = n.cfg.Log.With("log", durableName(shard))
		}
		lg.log = n.hub.UseLog(own, lg.sender)
		logs = append(logs, lg)
	}
	n.mu.Lock()
	n.table.UseLogs(count)
	majority := n.majority
	n.mu.Unlock()
	for _, lg := range logs {
		lg.sender.Refuse(!majority)
	}
	logs = append(logs, n.memory)
	n.logs.use(logs)
}

// homeNode returns what the home of a log needs of the cluster.
func (n *Node) homeNode(lg *nodeLog) *home.Node {
	no := &home.Node{
		Name: string(n.cfg.Engine.Self()),
		Publish: func(seq uint64, record []byte) {
			n.cfg.Engine.Broadcast(recordMessage(lg.shard, seq, record))
			lg.committed.Store(seq)
			lg.bytes.Add(uint64(len(record)))
			if _, _, state := lg.log.Position(); state == home.Opening {
				lg.fence.Store(seq)
			}
		},
		Fenced:    func(home.Owner) { lg.sender.Restart() },
		Available: n.Available,
	}
	if lg.memory != nil {
		no.Available, no.Memory = func() error { return nil }, n.homeMemory(lg)
	}
	return no
}
