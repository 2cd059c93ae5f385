package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
)

// Heartbeats, the majority, and who owns the logs.

// beat sends a heartbeat.
func (n *Node) beat(leaving bool) {
	h := member.Heartbeat{
		Name: n.cfg.Name, ID: string(n.cfg.Engine.Self()), Owns: map[int]member.Claim{}, Terms: map[int]uint64{}, Leaving: leaving, Clients: n.hub.Live.Load(), Version: n.cfg.Version, Reads: n.says(),
		Peers: n.cfg.Peers,
	}
	for _, lg := range n.logs.all() {
		o, _, state := lg.log.Position()
		if lg.memory == nil && o.Term > 0 {
			h.Terms[lg.shard] = o.Term
		}
		switch {
		case lg.memory != nil:
			lg.claimMemory(&h, state)
		case state == home.Ready, n.handing.Load() && o.Node == string(n.cfg.Engine.Self()):
			h.Owns[lg.shard] = member.Claim{Term: o.Term, Last: lg.committed.Load()}
		}
	}
	n.mu.Lock()
	n.table.Claim(h.Owns)
	h.Ready = n.ready && !n.leaving
	h.Hears, h.Reach = n.table.Hears(n.now()), n.table.Reach(n.now())
	for _, tw := range n.table.Twins(n.now()) {
		h.Twins = append(h.Twins, tw.First, tw.Other)
	}
	n.mu.Unlock()
	n.cfg.Engine.Broadcast(jsonMessage(kindHeartbeat, h))
}

// checkMajority refuses requests while this node does not reach a majority.
func (n *Node) checkMajority(now time.Duration) {
	cut := n.cfg.Size == 0 && errors.Is(n.cfg.Engine.Health().Err, broker.ErrUnavailable)
	n.mu.Lock()
	n.table.Cut(cut)
	has := n.table.HasMajority(now) || now < member.SuspectAfter
	changed, serves, lasted, alive := has != n.majority, n.ready && !n.leaving, now-n.since, n.table.LiveCount(now)
	if changed {
		n.majority, n.since, n.renews = has, now, has
	}
	n.mu.Unlock()
	if !changed {
		return
	}
	for _, lg := range n.logs.all() {
		if lg.memory != nil {
			if !has {
				lg.doubt()
			}
			continue
		}
		lg.sender.Refuse(!has)
		if !has {
			lg.sender.Expire(now + 1)
		}
	}
	switch {
	case !serves:
	case has:
		n.cfg.Log.Info("publications in durable rooms are accepted again", "after", rounded(lasted), "nodes", alive, "of", n.cfg.Size)
	default:
		n.cfg.Log.Error(n.minority().Error()+": publications in durable rooms are rejected", "nodes", alive, "of", n.cfg.Size)
	}
}

// shouldTry reports whether this node should try to own a log.
func (n *Node) shouldTry(lg *nodeLog, now time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case !n.ready, n.leaving:
		return false
	case now-n.since < 2*member.Interval:
		return false // the heartbeats of the nodes that it reaches again have not all arrived
	case lg.memory != nil:
		return !lg.memory.Owned() && n.table.ShouldTryMemory(lg.shard, lg.copy(), now)
	}
	return n.majority && n.table.ShouldTry(lg.shard, now)
}

// tryToOwn makes this node the owner of logs that nobody owns.
func (n *Node) tryToOwn(ctx context.Context, now time.Duration) {
	for _, lg := range n.logs.all() {
		if _, _, state := lg.log.Position(); state != home.Following || lg.leading.Load() {
			continue
		}
		if !n.shouldTry(lg, now) {
			continue
		}
		lg.leading.Store(true)
		go func() {
			defer lg.leading.Store(false)
			if err := lg.log.Lead(ctx); err != nil {
				switch {
				case ctx.Err() != nil:
				case errors.Is(err, home.ErrOvertaken):
					n.cfg.Log.Info("another node was quicker to own a log", "log", n.logs.nameOf(lg))
				default:
					n.cfg.Log.Warn("this node could not become the owner of a log", "log", n.logs.nameOf(lg), "error", err)
				}
				return
			}
			lg.left.Store(nil)
			lg.sender.Restart()
			n.beat(false)
			n.wakeUp()
		}()
	}
}
