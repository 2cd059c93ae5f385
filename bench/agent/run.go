package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/throng-chat/throng/bench/observe"
)

// newRun prepares a run. It starts the pollers, and opens no connection.
func newRun(plan *Plan, link *Link[Command, Event]) (*run, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	r := &run{plan: plan, link: link, own: plan.own(len(plan.RoomOf))}
	r.check = newDeliveryCheck(plan)
	r.choose()
	n := plan.Pollers
	if n == 0 {
		n = max(1, runtime.NumCPU()/2)
	}
	pollers := make([]*poller, n)
	for i := range pollers {
		pollers[i] = newPoller(r.check, &plan.Protocol, float64(plan.Rate))
		pollers[i].pairs = newPairs(plan)
	}
	var err error
	if r.engine, err = newEngine(pollers, r.own, plan.Agents); err != nil {
		return nil, err
	}
	if r.dialer, err = newDialer(r); err != nil {
		return nil, errors.Join(err, r.engine.stop())
	}
	return r, nil
}

// choose selects the connections to be killed and those that will stop reading, among those that do not publish.
func (ru *run) choose() {
	var listeners []int
	for i := ru.plan.Agent; i < len(ru.plan.RoomOf); i += ru.plan.Agents {
		if i >= ru.plan.Publishers {
			listeners = append(listeners, i)
		}
	}
	random := rand.New(rand.NewPCG(ru.plan.Seed, uint64(ru.plan.Agent)))
	random.Shuffle(len(listeners), func(i, j int) { listeners[i], listeners[j] = listeners[j], listeners[i] })
	share := func(of float64) []int { return listeners[:int(of*float64(len(listeners))+0.5)] }
	ru.kill = share(ru.plan.Kill)
	ru.slow = map[int]bool{}
	for _, i := range share(ru.plan.Slow) {
		ru.slow[i] = true
	}
}

// follow executes the commands of the coordinator, one after another, until the report is sent.
func (ru *run) follow(ctx context.Context, next func() (Command, error)) error {
	ru.moves, ru.still = context.WithCancel(ctx)
	defer ru.moving.Wait()
	defer ru.silence()
	debug.FreeOSMemory()
	own := observe.ReadOwn(true)
	ru.began = own.CPU
	stop := ru.tickAlong()
	defer stop()
	if err := ru.link.Send(Event{Ready: &Ready{
		PID: os.Getpid(), Cores: runtime.NumCPU(), Pollers: len(ru.engine.pollers), Sources: max(1, len(ru.dialer.sources)), PSS: own.PSS,
	}}); err != nil {
		return err
	}
	dialling, hurry := context.WithCancel(ctx)
	defer hurry()
	for {
		c, err := next()
		switch {
		case err != nil:
			return err
		case c.Connect != nil:
			ru.moving.Go(func() { ru.connect(dialling, c.Connect.Below) })
		case c.Start != nil:
			ru.begin(c.Start)
		case c.Stop != nil:
			hurry()
			ru.silence()
		case c.Finish != nil:
			return ru.finish(ctx, c.Finish, stop)
		}
		if err := ru.failure.Load(); err != nil {
			return *err
		}
	}
}

// connect opens this agent's connections with numbers below a limit (0: all) and reports to the coordinator.
func (ru *run) connect(ctx context.Context, below int) {
	ru.dialer.open(ctx, below)
	ru.dialer.mu.Lock()
	answer := ru.dialer.answer
	ru.dialer.mu.Unlock()
	// The memory of the connections is measured without the garbage of their opening.
	debug.FreeOSMemory()
	answer.PSS = observe.ReadOwn(true).PSS
	ru.emit(Event{Connected: &answer})
}

// begin sends messages and starts the planned events. It returns at the end of the schedule.
func (ru *run) begin(start *Start) {
	ru.start = start
	conns := make([]*conn, ru.plan.Publishers)
	own := ru.publishers()
	for _, i := range own {
		conns[i] = ru.engine.conn(i)
	}
	s := newSender(ru.check, &ru.plan.Protocol, conns, ru.plan.Rooms)
	s.ping, s.end = ru.plan.Ping, start.End
	s.schedule = ru.schedule(own)
	ru.mu.Lock()
	ru.sender = s
	ru.mu.Unlock()
	if ru.plan.Closed > 0 {
		for _, p := range ru.engine.pollers {
			p.mu.Lock()
			p.again = s.again
			p.mu.Unlock()
		}
	}
	if ru.plan.Churn > 0 {
		ru.moving.Go(ru.churn)
	}
	if ru.plan.Node != nil {
		ru.expectOrphans()
		ru.moving.Go(ru.moveOrphans)
	}
	if len(ru.kill)+len(ru.slow) > 0 {
		ru.moving.Go(ru.runEvent)
	}
	if ru.plan.Protocol.Beat != "" {
		ru.moving.Go(ru.heartbeat)
	}
	ru.moving.Go(func() {
		s.run(start.End + int64(ru.plan.Drain))
		until(ru.moves, start.End)
		s.stop()
		ru.emit(Event{Sent: &SentBy{By: s.sentBy(), Gone: ru.gone(own)}})
	})
}

// schedule returns this agent's part of the plan's schedule. own are its publishers.
func (ru *run) schedule(own []int) schedule {
	switch {
	case len(own) == 0 || ru.plan.Rate == 0 && ru.plan.Closed == 0:
		return &once{}
	case ru.plan.Closed > 0:
		var first []int
		for _, i := range own {
			if i < ru.plan.Closed {
				first = append(first, i)
			}
		}
		return &once{at: ru.start.At, publishers: first}
	case ru.plan.Poisson:
		rate := float64(ru.plan.Rate) * float64(len(own)) / float64(ru.plan.Publishers)
		return newPoisson(ru.start, rate, own, ru.plan.Seed+uint64(ru.plan.Agent))
	default:
		return &constant{
			start: ru.start.At, end: ru.start.End, rate: ru.plan.Rate, publishers: uint64(ru.plan.Publishers),
			agent: uint64(ru.plan.Agent), agents: uint64(ru.plan.Agents),
		}
	}
}
