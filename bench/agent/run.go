package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/observe"
)

// run is one plan under way.
type run struct {
	plan   *Plan
	link   *Link[Command, Event]
	own    int // connections of this agent
	proof  *proof
	engine *engine
	dialer *dialer
	slow   map[int]bool  // connections that will stop reading
	kill   []int         // connections that will be killed
	began  time.Duration // of the processor time
	start  *Start

	moving sync.WaitGroup // goroutines that make connections leave and come back
	moves  context.Context
	still  context.CancelFunc // ends them
	back   returned

	mu     sync.Mutex
	sender *sender // nil until Start

	failure atomic.Pointer[error]
}

// newRun makes everything ready to connect.
func newRun(plan *Plan, link *Link[Command, Event]) (*run, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	r := &run{plan: plan, link: link, own: plan.own(len(plan.RoomOf))}
	r.proof = newProof(plan)
	r.choose()
	n := plan.Pollers
	if n == 0 {
		n = max(1, runtime.NumCPU()/2)
	}
	pollers := make([]*poller, n)
	for i := range pollers {
		pollers[i] = newPoller(r.proof, &plan.Protocol, float64(plan.Rate))
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

// choose picks the connections to be killed, and those that will stop reading, of those that only listen.
func (r *run) choose() {
	var listeners []int
	for i := r.plan.Agent; i < len(r.plan.RoomOf); i += r.plan.Agents {
		if i >= r.plan.Publishers {
			listeners = append(listeners, i)
		}
	}
	random := rand.New(rand.NewPCG(r.plan.Seed, uint64(r.plan.Agent)))
	random.Shuffle(len(listeners), func(i, j int) { listeners[i], listeners[j] = listeners[j], listeners[i] })
	share := func(of float64) []int { return listeners[:int(of*float64(len(listeners))+0.5)] }
	r.kill = share(r.plan.Kill)
	r.slow = map[int]bool{}
	for _, i := range share(r.plan.Slow) {
		r.slow[i] = true
	}
}

// follow does what the coordinator says, one after another, until the report is sent.
func (r *run) follow(ctx context.Context, next func() (Command, error)) error {
	r.moves, r.still = context.WithCancel(ctx)
	defer r.moving.Wait()
	defer r.silence()
	debug.FreeOSMemory()
	own := observe.ReadOwn(true)
	r.began = own.CPU
	stop := r.tickAlong()
	defer stop()
	if err := r.link.Send(Event{Ready: &Ready{
		PID: os.Getpid(), Cores: runtime.NumCPU(), Pollers: len(r.engine.pollers), Sources: max(1, len(r.dialer.sources)), PSS: own.PSS,
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
			r.moving.Go(func() { r.connect(dialling, c.Connect.Below) })
		case c.Start != nil:
			r.begin(c.Start)
		case c.Stop != nil:
			hurry()
			r.silence()
		case c.Finish != nil:
			return r.finish(ctx, c.Finish, stop)
		}
		if err := r.failure.Load(); err != nil {
			return *err
		}
	}
}

// silence sends no more, and lets nothing more happen to the connections.
func (r *run) silence() {
	r.still()
	if s := r.sending(); s != nil {
		s.stop()
	}
}

// tell says something from another goroutine than follow's, which ends with the link.
func (r *run) tell(e Event) {
	if err := r.link.Send(e); err != nil {
		r.failure.CompareAndSwap(nil, &err)
	}
}

// connect opens this agent's connections with numbers below a limit (0: all) and reports to the coordinator.
func (r *run) connect(ctx context.Context, below int) {
	r.dialer.open(ctx, below)
	r.dialer.mu.Lock()
	answer := r.dialer.answer
	r.dialer.mu.Unlock()
	// What a connection takes, without what opening it left behind.
	debug.FreeOSMemory()
	answer.PSS = observe.ReadOwn(true).PSS
	r.tell(Event{Connected: &answer})
}

func (r *run) sending() *sender {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sender
}

// begin sends, and does to the connections what is planned, until the schedule is over.
func (r *run) begin(start *Start) {
	r.start = start
	conns := make([]*conn, r.plan.Publishers)
	own := r.publishers()
	for _, i := range own {
		conns[i] = r.engine.conn(i)
	}
	s := newSender(r.proof, &r.plan.Protocol, conns, r.plan.Rooms)
	s.ping, s.end = r.plan.Ping, start.End
	s.schedule = r.schedule(own)
	r.mu.Lock()
	r.sender = s
	r.mu.Unlock()
	if r.plan.Closed > 0 {
		for _, p := range r.engine.pollers {
			p.mu.Lock()
			p.again = s.again
			p.mu.Unlock()
		}
	}
	if r.plan.Churn > 0 {
		r.moving.Go(r.churn)
	}
	if len(r.kill)+len(r.slow) > 0 {
		r.moving.Go(r.happen)
	}
	if r.plan.Protocol.Beat != "" {
		r.moving.Go(r.beat)
	}
	r.moving.Go(func() {
		s.run(start.End + int64(r.plan.Drain))
		until(r.moves, start.End)
		s.stop()
		r.tell(Event{Sent: &SentBy{By: s.sentBy(), Gone: r.gone(own)}})
	})
}

// publishers are those of this agent.
func (r *run) publishers() (own []int) {
	for i := range r.plan.Publishers {
		if r.proof.own(i) {
			own = append(own, i)
		}
	}
	return own
}

// gone are the publishers whose connection has ended.
func (r *run) gone(own []int) []int {
	gone := []int{}
	for _, i := range own {
		if c := r.engine.conn(i); c == nil || c.is() != open {
			gone = append(gone, i)
		}
	}
	return gone
}
