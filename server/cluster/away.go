package cluster

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/fanout"
)

// A node that does not reach a majority of the nodes closes its clients, once: they may reach the other nodes. Those that connect to it again stay.

const (
	awayAfter  = 15 * time.Second // without a majority
	awayWithin = 5 * time.Second  // for all clients
)

// sendAway closes the clients when this node is without a majority for awayAfter. It stops when it has a majority again. Called by Run.
func (n *Node) sendAway(ctx context.Context, now time.Duration) {
	n.mu.Lock()
	due := n.ready && !n.leaving && !n.majority && now-n.since >= awayAfter
	n.mu.Unlock()
	switch {
	case due && n.stay == nil:
		ctx, n.stay = context.WithCancel(ctx)
		n.cfg.Log.Error(n.minority().Error()+": its clients are closed, so that they connect to other nodes", "for", awayAfter.String())
		go n.closeClients(ctx)
	case !due && n.stay != nil:
		n.stay()
		n.stay = nil
	}
}

// closeAway closes all clients, a part of them after another.
func (n *Node) closeAway(ctx context.Context) {
	ticks := time.NewTicker(fanout.SpreadTick)
	defer ticks.Stop()
	parts := fanout.SpreadParts(int(n.hub.Live.Load()), awayWithin)
	n.hub.CloseSpread(ctx, ticks.C, parts, fanout.ClosedShutdown, "this node does not reach the others")
}
