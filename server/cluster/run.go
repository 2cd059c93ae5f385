package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
)

// Start reads the logs, and blocks meanwhile. It waits for a majority of the nodes. Run must run.
func (n *Node) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.mu.Lock()
	n.refused.stop = cancel
	n.mu.Unlock()
	shown := waitLog{last: time.Now()}
	if err := n.untilAvailable(ctx, &shown, "number of logs", n.learnLogs); err != nil {
		return err
	}
	for _, lg := range n.logs.all() {
		if lg.memory != nil {
			n.awaitClaim(ctx, lg)
		}
		if err := n.untilAvailable(ctx, &shown, n.logs.nameOf(lg)+" log", lg.log.Follow); err != nil {
			return err
		}
		lg.log.Live()
	}
	n.mu.Lock()
	n.ready = true
	n.mu.Unlock()
	n.wakeUp()
	return nil
}

// untilAvailable repeats what fails because this node does not reach a majority, or the storage is not available. what is read.
func (n *Node) untilAvailable(ctx context.Context, shown *waitLog, what string, do func(context.Context) error) error {
	n.begins(what, nil)
	for {
		err := do(ctx)
		if refused := n.refusal(); refused != nil {
			return refused
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, broker.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		n.showWait(shown, what, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tick):
		}
	}
}

// Run sends heartbeats and requests, and makes this node an owner where it is needed, until ctx ends.
func (n *Node) Run(ctx context.Context) {
	n.cfg.Engine.Receive(n.receive)
	n.cfg.Engine.Lost(n.resync)
	defer n.closeMemory()
	pa := pace{wall: time.Now}
	ticks := time.NewTimer(pa.next())
	defer ticks.Stop()
	last := n.now()
	for {
		ticked := false
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			ticked = true
		case <-n.wake:
		}
		now := n.now()
		if now-last > suspendedAfter { // the others are not silent: this process was
			n.suspend(now - last)
			now = last
		}
		last = now
		beats := pa.beats(now)
		if ticked {
			ticks.Reset(pa.next())
			n.lookAtOthers(now)
			n.lookAtOwners()
			n.watchNodes(now)
			n.watchTwins(now)
			n.collectCounts()
			n.endSilent(now, false)
		}
		if beats {
			n.beat(false)
		}
		n.checkMajority(now)
		n.keepMemory(now)
		n.sendAway(ctx, now)
		n.tryToOwn(ctx, now)
		if beats && pa.repeats(now) {
			n.repeat(now)
			n.endSilent(now, true)
			n.forgetLinks()
			n.watchLosses(now)
			n.hub.EndConnectionsOver()
			n.sendPresence(true)
			n.rebalance(ctx, now)
		}
		if pa.sends(now, n.reached) && n.sendPresence(false) { // the next changes are gathered
			pa.noteSent(now)
		}
		for _, lg := range n.logs.all() {
			n.sendRequests(lg)
			n.sendAnswers(lg)
		}
	}
}

// repeat sends requests without progress again, and ends those that have waited for too long.
func (n *Node) repeat(now time.Duration) {
	for _, lg := range n.logs.all() {
		lg.sender.Expire(n.hub.Clock.Now() - requestTimeout)
		if waiting, oldest := lg.sender.Waiting(); waiting > 0 && n.hub.Clock.Now()-oldest > repeatAfter {
			lg.sender.Restart()
		}
	}
}

// resync is called when messages may be lost: the next heartbeat of each owner says what is missing, and requests are sent again.
func (n *Node) resync() {
	for _, lg := range n.logs.all() {
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
	logs := n.logs.all()
	results := make(chan error, len(logs))
	for _, lg := range logs { // together: publications wait until the last one has a next owner
		go func() {
			err := n.handOver(ctx, lg)
			if err != nil {
				err = fmt.Errorf("%s log: %w", n.logs.nameOf(lg), err)
			}
			results <- err
		}()
	}
	for range logs {
		failed = errors.Join(failed, <-results)
	}
	n.beat(false) // the log in memory has been left
	n.stepDown(ctx)
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

// stepDown makes other nodes the leaders of the storage, if there is a majority that elects them.
func (n *Node) stepDown(ctx context.Context) {
	e, leads := n.cfg.Engine.(leader)
	if !leads || n.Available() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stepDownTimeout)
	defer cancel()
	if err := e.StepDown(ctx); err != nil && n.Available() == nil {
		n.cfg.Log.Info("this node still leads the storage of a log: publications in its rooms wait until the others have elected a leader", "error", err)
	}
}

// awaitSuccessors waits until other nodes own the logs that this one has handed over, if there are such nodes, or until ctx ends.
func (n *Node) awaitSuccessors(ctx context.Context) {
	for ctx.Err() == nil {
		n.mu.Lock()
		live := n.table.Live(n.now())
		n.mu.Unlock()
		waits := false
		for _, lg := range n.logs.all() {
			owner, _, _ := lg.log.Position()
			waits = waits || owner.Node == string(n.cfg.Engine.Self())
		}
		if !waits || !slices.ContainsFunc(live, func(m *member.Member) bool { return m.Ready }) {
			return
		}
		time.Sleep(tick / 20)
	}
}
