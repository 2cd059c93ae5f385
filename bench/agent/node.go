package agent

import (
	"math/rand/v2"
	"sync"
)

// The end of a node: at Start.Event the coordinator kills or stops the server at one target. Its clients return at the other targets.

// expectOrphans makes the pollers expect the end of the node.
func (ru *run) expectOrphans() {
	ru.orphans = &orphans{ended: make(chan *conn, ru.own)}
	for _, p := range ru.engine.pollers {
		p.mu.Lock()
		p.orphans, p.doomed, p.event = ru.orphans, uint8(*ru.plan.Node), ru.start.Event
		p.mu.Unlock()
	}
}

// moveOrphans opens the connections of the node again at the other targets, each after its random delay, with up to plan.Dials attempts at a
// time. It returns at the end of the run.
func (ru *run) moveOrphans() {
	random := rand.New(rand.NewPCG(ru.plan.Seed, uint64(ru.plan.Agent)+2))
	dials := make(chan struct{}, ru.plan.Dials)
	var visits sync.WaitGroup
	defer visits.Wait()
	visit := func(c *conn) {
		ru.back.mu.Lock()
		ru.back.killed++
		ru.back.mu.Unlock()
		ended, when := Now(), Now()
		if ru.plan.Jitter > 0 {
			when += random.Int64N(int64(ru.plan.Jitter))
		}
		visits.Go(func() {
			until(ru.moves, when)
			dials <- struct{}{}
			defer func() { <-dials }()
			if ru.reopen(c) {
				ru.back.mu.Lock()
				ru.back.after.Record(Now() - ru.start.Event)
				ru.back.away.Record(Now() - ended)
				ru.back.mu.Unlock()
			}
		})
	}
	for {
		select {
		case c := <-ru.orphans.ended:
			visit(c)
		case <-ru.moves.Done():
			for {
				select {
				case c := <-ru.orphans.ended:
					visit(c) // it ended too late to return: it only leaves its room
				default:
					return
				}
			}
		}
	}
}
