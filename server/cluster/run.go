package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
)

// Join makes a hub that of the node. It has no rooms yet. cfg has the engine and the limits of both logs.
func (n *Node) Join(h *chat.Hub, cfg home.Config) {
	n.hub = h
	n.closeClients = n.closeAway
	if n.rebalanceAfter == 0 {
		n.rebalanceAfter = rebalanceAfter
	}
	for _, lg := range n.logs {
		own := cfg
		own.Node, own.Shard = n.homeNode(lg), lg.shard
		if lg.memory == nil {
			lg.log = h.UseLog(own, lg.sender)
			continue
		}
		own.Engine, own.MaxBytes = memoryEngine{cfg.Engine, lg.memory}, min(cfg.MaxBytes, maxMemoryLog)
		lg.log = h.JoinCluster(string(cfg.Engine.Self()), own, lg.sender, n)
	}
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
		Available: n.available,
	}
	if lg.memory != nil {
		no.Available, no.Memory = func() error { return nil }, n.homeMemory(lg)
	}
	return no
}

// Start reads the logs, and blocks meanwhile. It waits for a majority of the nodes. Run must run.
func (n *Node) Start(ctx context.Context) error {
	shown := time.Now()
	for _, lg := range n.logs {
		if lg.memory != nil {
			n.awaitClaim(ctx, lg)
		}
		for {
			err := lg.log.Follow(ctx)
			if refused := n.refusal(); refused != nil {
				return refused
			}
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !errors.Is(err, broker.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			if time.Since(shown) > time.Second {
				shown = time.Now()
				s := n.Status()
				n.cfg.Log.Warn("waiting for a majority of the nodes", "nodes", len(s.Nodes), "of", s.Size, "error", err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(tick):
			}
		}
		lg.log.Live()
	}
	n.mu.Lock()
	n.ready = true
	n.mu.Unlock()
	n.wakeUp()
	return nil
}

// Run sends heartbeats and requests, and makes this node an owner where it is needed, until ctx ends.
func (n *Node) Run(ctx context.Context) {
	n.cfg.Engine.Receive(n.receive)
	n.cfg.Engine.Lost(n.resync)
	defer n.closeMemory()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	var beat, repeated time.Duration
	last := n.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			n.lookAtOthers(n.now())
			n.lookAtOwners()
			n.collectCounts()
		case <-n.wake:
		}
		now := n.now()
		if now-last > suspendedAfter { // the others are not silent: this process was
			n.suspend(now - last)
			now = last
		}
		last = now
		if now-beat >= member.Interval {
			beat = now
			n.beat(false)
		}
		n.checkMajority(now)
		n.keepMemory(now)
		n.sendAway(ctx, now)
		n.tryToOwn(ctx, now)
		if now-repeated >= repeatAfter {
			repeated = now
			n.repeat(now)
			n.endRemote(now)
			n.forgetLinks()
			n.hub.EndConnectionsOver()
			n.sendPresence(true)
			n.rebalance(ctx, now)
		}
		n.sendPresence(false)
		for _, lg := range n.logs {
			n.sendRequests(lg)
			n.sendAnswers(lg)
		}
	}
}

// repeat sends requests without progress again, and ends those that have waited for too long.
func (n *Node) repeat(now time.Duration) {
	for _, lg := range n.logs {
		lg.sender.Expire(n.hub.Clock.Now() - requestTimeout)
		if waiting, oldest := lg.sender.Waiting(); waiting > 0 && n.hub.Clock.Now()-oldest > repeatAfter {
			lg.sender.Restart()
		}
	}
}

// resync is called when messages may be lost: the next heartbeat of each owner says what is missing, and requests are sent again.
func (n *Node) resync() {
	for _, lg := range n.logs {
		lg.sender.Restart()
	}
}

// HandOver stores what this node has accepted as the owner of logs. Then another node becomes their owner at once, and this one follows it until Run
// ends. ctx bounds the wait.
func (n *Node) HandOver(ctx context.Context) error {
	n.mu.Lock()
	n.leaving = true
	n.mu.Unlock()
	var failed error
	n.handing.Store(true)
	for _, lg := range n.logs {
		if err := n.handOver(ctx, lg); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s log: %w", lg.name(), err))
		}
	}
	n.beat(false) // the log in memory has been left
	if e, leads := n.cfg.Engine.(leader); leads {
		ctx, cancel := context.WithTimeout(ctx, stepDownTimeout)
		failed = errors.Join(failed, e.StepDown(ctx))
		cancel()
	}
	n.handing.Store(false)
	n.beat(true)
	n.awaitSuccessors(ctx)
	return failed
}

// leader is an engine whose logs have leaders among the nodes, which store first.
type leader interface {
	// StepDown makes other nodes the leaders. It blocks until they are, or until ctx ends.
	StepDown(ctx context.Context) error
}

// awaitSuccessors waits until other nodes own the logs that this one has handed over, if there are such nodes, or until ctx ends.
func (n *Node) awaitSuccessors(ctx context.Context) {
	for ctx.Err() == nil {
		n.mu.Lock()
		live := n.table.Live(n.now())
		n.mu.Unlock()
		waits := false
		for _, lg := range n.logs {
			owner, _, _ := lg.log.Position()
			waits = waits || owner.Node == string(n.cfg.Engine.Self())
		}
		if !waits || !slices.ContainsFunc(live, func(m member.Member) bool { return m.Ready }) {
			return
		}
		time.Sleep(tick / 20)
	}
}
