package cluster

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
)

// A log moves to the best of the nodes (member.Table.Best) when it is owned by another one for rebalanceAfter: after a restart of nodes one by one, the
// last one would own none. It moves after yieldAfter if that node reaches nodes that the owner does not reach, and if it is new, without publications: the first
// node of a new cluster owns all logs if the others come late. A node that has died is silent for all within less than that.

const (
	rebalanceAfter  = 30 * time.Second
	yieldAfter      = time.Second
	handOverTimeout = 2 * time.Second
)

// rebalance hands over the logs that another node should own. Called by Run.
func (n *Node) rebalance(ctx context.Context, now time.Duration) {
	for _, lg := range n.logs.all() {
		_, _, state := lg.log.Position()
		n.mu.Lock()
		best, reaches := n.table.Best(lg.shard, now)
		movable := state == home.Ready && n.majority && !n.leaving && best != n.cfg.Name
		n.mu.Unlock()
		patience := n.rebalanceAfter
		if reaches || lg.isNew() {
			patience = min(patience, yieldAfter)
		}
		switch {
		case !movable:
			lg.misplaced = misplaced{}
		case best != lg.misplaced.best || reaches && !lg.misplaced.reaches:
			lg.misplaced = misplaced{best, reaches, now}
		case now-lg.misplaced.since >= patience && !lg.leading.Load():
			lg.misplaced = misplaced{}
			n.cfg.Log.Info("the log moves to another node", "log", n.logs.nameOf(lg), "node", best)
			go n.move(ctx, lg)
		}
	}
}

// move hands a log over. The best node becomes its owner.
func (n *Node) move(ctx context.Context, lg *nodeLog) {
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	if err := n.handOver(ctx, lg); err != nil {
		n.cfg.Log.Warn("the log could not be handed over", "log", n.logs.nameOf(lg), "error", err)
	}
	n.beat(false)
}

// handOver stores what this node has accepted as the owner of a log. Then it follows the next owner.
func (n *Node) handOver(ctx context.Context, lg *nodeLog) error {
	_, _, state := lg.log.Position()
	if err := lg.log.HandOver(ctx); err != nil {
		return err
	}
	if lg.memory != nil && state == home.Ready {
		first, last, term := lg.memory.Position()
		c := member.Claim{Term: term, First: first, Last: last}
		n.mu.Lock()
		c.To = n.table.Successor(lg.shard, n.now())
		n.table.Leave(lg.shard, c, n.now())
		n.mu.Unlock()
		lg.left.Store(&c)
	}
	return nil
}
