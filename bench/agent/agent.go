// Package agent is the part of the load test that holds the connections: it dials, sends on schedule, reads, and proves what
// was delivered. It does so for a coordinator, over a link, in a process of its own or on another host, so that what draws,
// samples and computes does not disturb what is measured.
//
//	coordinator -> link -> agent: dialer -> pollers -> rooms (proof) -> ticks -> link -> coordinator
//
// The connections are on nbio's loop: no goroutine for each. A poller's state is under its lock, which is taken once a read; a
// room's under its own; the sender's under its own. They are taken in the order poller, sender, room.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
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

// Serve does what the coordinator at the other end of the stream says, for one run. It returns when the stream
// ends, or when it cannot go on.
func Serve(ctx context.Context, stream io.ReadWriter) error {
	link := NewLink[Command, Event](stream)
	err := serve(ctx, link)
	if err != nil && !errors.Is(err, io.EOF) {
		// If that cannot be said either, the link is gone, and the coordinator knows.
		return errors.Join(err, link.Send(Event{Failed: err.Error()}))
	}
	return nil
}

func serve(ctx context.Context, link *Link[Command, Event]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commands := make(chan Command)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		for {
			c, err := link.Receive()
			if err != nil {
				ended <- err
				return
			}
			select {
			case commands <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	next := func() (Command, error) {
		select {
		case c := <-commands:
			return c, nil
		case <-ctx.Done():
			select {
			case err := <-ended:
				return Command{}, err
			default:
				return Command{}, ctx.Err()
			}
		}
	}
	plan, err := clocks(link, next)
	if err != nil {
		return err
	}
	r, err := newRun(plan, link)
	if err != nil {
		return err
	}
	if err := errors.Join(r.follow(ctx, next), r.engine.stop()); err != nil {
		return err
	}
	<-ctx.Done() // the others may not have reported yet, and an agent whose link ends before that is one that was lost
	return nil
}

// clocks answers questions for the time until the plan comes.
func clocks(link *Link[Command, Event], next func() (Command, error)) (*Plan, error) {
	for {
		c, err := next()
		switch {
		case err != nil:
			return nil, err
		case c.Plan != nil:
			return c.Plan, nil
		case c.Clock == nil:
			return nil, errors.New("agent: want a plan or a question for the time first")
		}
		shift += c.Clock.Shift
		if err := link.Send(Event{Clock: &Clock{Now: Now()}}); err != nil {
			return nil, err
		}
	}
}

// newRun makes everything ready to connect.
func newRun(plan *Plan, link *Link[Command, Event]) (*run, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	r := &run{plan: plan, link: link, own: (len(plan.RoomOf) - plan.Agent + plan.Agents - 1) / plan.Agents}
	r.proof = newProof(plan.Run, plan.Size, len(plan.Rooms), plan.RoomOf[:plan.Publishers], plan.NoEcho, plan.Agent, plan.Agents)
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

// check refuses a plan that the rest could not follow. The coordinator has checked what people ask for.
func (p *Plan) check() error {
	switch {
	case p.Agents < 1 || p.Agent < 0 || p.Agent >= p.Agents, len(p.Targets) == 0, len(p.Rooms) == 0,
		len(p.RoomOf) == 0 || p.Publishers < 0 || p.Publishers > len(p.RoomOf), p.Size < StampSize || p.Size > MaxSize,
		p.Dials < 1, p.DialTimeout <= 0, p.Closed > p.Publishers, (p.Rate > 0 || p.Closed > 0) && p.Publishers == 0:
		return errors.New("agent: the plan cannot be followed")
	}
	for _, room := range p.RoomOf {
		if room < 0 || int(room) >= len(p.Rooms) {
			return fmt.Errorf("agent: room %d of %d", room, len(p.Rooms))
		}
	}
	return nil
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
			r.moving.Go(func() { r.connect(dialling) })
		case c.Start != nil:
			r.begin(ctx, c.Start)
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

func (r *run) connect(ctx context.Context) {
	r.dialer.open(ctx)
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
func (r *run) begin(ctx context.Context, start *Start) {
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

func (r *run) schedule(own []int) schedule {
	switch {
	case len(own) == 0 || r.plan.Rate == 0 && r.plan.Closed == 0:
		return &once{}
	case r.plan.Closed > 0:
		var first []int
		for _, i := range own {
			if i < r.plan.Closed {
				first = append(first, i)
			}
		}
		return &once{at: r.start.At, publishers: first}
	case r.plan.Poisson:
		rate := float64(r.plan.Rate) * float64(len(own)) / float64(r.plan.Publishers)
		return newPoisson(r.start.At, r.start.End, rate, own, r.plan.Seed+uint64(r.plan.Agent))
	default:
		return &constant{
			start: r.start.At, end: r.start.End, rate: r.plan.Rate, publishers: uint64(r.plan.Publishers),
			agent: uint64(r.plan.Agent), agents: uint64(r.plan.Agents),
		}
	}
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

// finish waits for what is still on its way, and reports.
func (r *run) finish(ctx context.Context, f *Finish, stopTicks func()) error {
	r.still()
	r.moving.Wait()
	if len(f.Sent) != r.plan.Publishers {
		return fmt.Errorf("agent: what %d publishers sent, want %d", len(f.Sent), r.plan.Publishers)
	}
	r.proof.expect(f.Sent, f.Gone)
	wait(ctx, r.plan.Drain, r.complete)
	// The end of a publisher's connection may have been seen only now.
	r.proof.expect(f.Sent, append(f.Gone, r.gone(r.publishers())...))
	stopTicks()
	report := Report{Closes: map[string]int{}, Cuts: map[string]int{}, Stopped: r.back.stopped}
	report.Tick = r.tick(Now() / TickEvery)
	for _, p := range r.engine.pollers {
		p.mu.Lock()
		p.finished = true
		for why, n := range p.closes {
			report.Closes[why] += n
		}
		for why, n := range p.cuts {
			report.Cuts[why] += n
		}
		report.Cut.Merge(&p.cut)
		p.mu.Unlock()
	}
	var members []*member
	for _, c := range r.engine.all() {
		c.poller.mu.Lock()
		if c.listens() {
			members = append(members, &c.member)
		}
		c.poller.mu.Unlock()
	}
	for _, p := range r.engine.pollers {
		p.mu.Lock()
	}
	report.Findings = r.proof.finish(members)
	for _, p := range r.engine.pollers {
		p.mu.Unlock()
	}
	r.back.mu.Lock()
	report.Back = r.back.after
	r.back.mu.Unlock()
	report.PSS = observe.ReadOwn(true).PSS
	return r.link.Send(Event{Report: &report})
}

// complete says whether everybody has received everything.
func (r *run) complete() bool {
	for _, c := range r.engine.all() {
		c.poller.mu.Lock()
		ok := !c.listens() || c.room.complete(&c.member)
		c.poller.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// tickAlong sends a tick at each multiple of TickEvery, and keeps measuring the pollers' lag, until the returned function is
// called, which may be called twice.
func (r *run) tickAlong() (stop func()) {
	quit := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		for due := Now() + lagEvery; ; due += lagEvery {
			select {
			case <-quit:
				return
			case <-time.After(time.Duration(due - Now())):
				if err := r.engine.wake(due); err != nil {
					r.failure.CompareAndSwap(nil, &err)
				}
			}
		}
	})
	both.Go(func() {
		for n := Now()/TickEvery + 1; ; n = max(n+1, Now()/TickEvery) {
			select {
			case <-quit:
				return
			case <-time.After(time.Duration(n*TickEvery - Now())):
				t := r.tick(n)
				r.tell(Event{Tick: &t})
			}
		}
	})
	var once sync.Once
	return func() {
		once.Do(func() { close(quit) })
		both.Wait()
	}
}

// tick takes what was counted.
func (r *run) tick(n int64) Tick {
	t := Tick{N: n}
	var each, late, touched, ping, loopLag histogram.Histogram
	for _, p := range r.engine.pollers {
		p.mu.Lock()
		t.Count.Add(p.count)
		drain(&each, &p.each)
		drain(&late, &p.sent)
		drain(&touched, &p.touched)
		drain(&ping, &p.ping)
		drain(&loopLag, &p.loopLag)
		t.Spans = append(t.Spans, p.spans.take()...)
		p.mu.Unlock()
	}
	t.Each, t.Late, t.Touched, t.Ping, t.LoopLag = some(&each), some(&late), some(&touched), some(&ping), some(&loopLag)
	if s := r.sending(); s != nil {
		var lag histogram.Histogram
		t.Sent = s.take(&lag)
		t.Lag = some(&lag)
	}
	r.back.mu.Lock()
	t.Back, t.Killed, t.Refused = int(r.back.after.Total()), r.back.killed, r.back.refused
	r.back.mu.Unlock()
	own := observe.ReadOwn(false)
	t.CPU, t.GC, t.Held = own.CPU-r.began, own.GCPause, own.Throttled
	return t
}

// drain moves what from has recorded into to.
func drain(to, from *histogram.Histogram) {
	if from.Total() > 0 {
		to.Merge(from)
		*from = histogram.Histogram{}
	}
}

func some(h *histogram.Histogram) *histogram.Histogram {
	if h.Total() == 0 {
		return nil
	}
	return h
}

// until waits for a moment of the clock, or for ctx.
func until(ctx context.Context, at int64) {
	timer := time.NewTimer(time.Duration(at - Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
