package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"

	"github.com/throng-chat/throng/server/waker"
	"github.com/throng-chat/throng/server/ws"
)

// run is one bench under way.
type run struct {
	cfg      Config
	target   *target
	engine   *nbio.Engine
	pollers  []*poller
	verifier *verifier
	tell     func(Progress)
	result   *Result

	mu     sync.Mutex // guards what follows against the progress, which looks on
	conns  []*conn    // by the order of their dials; nil for those that failed
	dialer *dialer
	sender *sender // nil until everybody is connected, and where nothing is sent
}

// Run measures. tell, where it is not nil, is called four times a second. When ctx ends the load stops, and the result is
// of what was done until then. A Result comes with an error when some connections could not be opened, and none when
// there is nothing to report.
func Run(ctx context.Context, cfg Config, tell func(Progress)) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if tell == nil {
		tell = func(Progress) {}
	}
	r := &run{cfg: cfg, tell: tell, conns: make([]*conn, cfg.Connections)}
	var err error
	if r.target, err = parseTarget(cfg.URL, cfg.Room); err != nil {
		return nil, err
	}
	if err := checkFiles(cfg.Connections); err != nil {
		return nil, err
	}
	if err := r.target.resolve(ctx); err != nil {
		return nil, err
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	defer r.stop()
	return r.measure(ctx)
}

// checkFiles refuses what the open-file limit cannot hold. Go has raised the soft limit to the hard one.
func checkFiles(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the open-file limit: %w", err)
	}
	if uint64(connections)+reservedFiles > uint64(limit.Max) {
		return fmt.Errorf("open files limited to %d, want %d for %d connections: raise ulimit -n or lower --connections",
			limit.Max, connections+reservedFiles, connections)
	}
	return nil
}

// silence keeps nbio from writing to standard output. Its level is one for the whole program.
var silence = sync.OnceFunc(func() { logging.SetLevel(logging.LevelNone) })

// start starts the pollers.
func (r *run) start() error {
	pollers := r.cfg.Pollers
	if pollers == 0 {
		pollers = max(1, runtime.NumCPU()/2)
	}
	// A poller that waits in the kernel keeps its processor, in Go's sense, until the runtime's monitor takes it away. The
	// sender must not wait for that.
	if want := pollers + 2; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
	r.verifier = newVerifier(rand.Uint32(), r.cfg.Size, r.cfg.publishers(), r.cfg.NoEcho)
	for range pollers {
		r.pollers = append(r.pollers, newPoller(r.verifier))
	}
	silence()
	r.engine = nbio.NewEngine(nbio.Config{
		NPoller:            pollers,
		ReadBufferSize:     readBuffer,
		MaxWriteBufferSize: maxUnsent,
	})
	r.engine.OnRead(func(nc *nbio.Conn) {
		switch s := nc.Session().(type) {
		case *conn:
			r.pollerOf(nc).onRead(s, r.engine.PollerBuffer(nc))
		case *waker.Waker:
			s.OnRead()
		}
	})
	r.engine.OnClose(func(nc *nbio.Conn, err error) {
		if c, ok := nc.Session().(*conn); ok {
			r.pollerOf(nc).onClose(c, err)
		}
	})
	if err := r.engine.Start(); err != nil {
		return fmt.Errorf("start the pollers: %w", err)
	}
	// Each must have begun before it may be stopped.
	for i := range pollers {
		w, err := waker.New(r.engine, i, pollers, func() {})
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return fmt.Errorf("start the pollers: %w", err)
		}
	}
	return nil
}

// stop says goodbye to the server and ends the pollers.
func (r *run) stop() {
	for _, p := range r.pollers {
		p.mu.Lock()
		p.finished = true
		p.mu.Unlock()
	}
	bye := ws.AppendMaskedFrame(nil, ws.OpClose, controlMask, ws.ClosePayload(ws.CloseNormal, ""))
	for _, c := range r.all() {
		_ = writeNow(c.nc, bye) // whoever is gone needs none
	}
	// The server's answers close the connections; one that does not answer is closed by us.
	r.wait(context.Background(), time.Second, func() bool {
		for _, c := range r.all() {
			if is := c.is(); is == open || is == closing {
				return false
			}
		}
		return true
	})
	r.engine.Stop()
}

// add makes connection i known to its poller, before the loop can read it.
func (r *run) add(i int, nc *nbio.Conn, h *handshake) *conn {
	c := &conn{nc: nc, poller: r.pollerOf(nc), handshake: h}
	c.member.connection, c.member.publisher = int32(i), -1
	r.mu.Lock()
	r.conns[i] = c
	r.mu.Unlock()
	// nbio hides its hand-over from the race detector; its lock and the poller's do not.
	c.poller.mu.Lock()
	c.state = opening
	c.poller.mu.Unlock()
	nc.Lock()
	nc.SetSession(c)
	nc.Unlock()
	return c
}

// pollerOf is nc's poller: nbio shares its connections out by their descriptors.
func (r *run) pollerOf(nc *nbio.Conn) *poller { return r.pollers[nc.Hash()%len(r.pollers)] }

// forget drops a connection that did not open.
func (r *run) forget(i int, c *conn) {
	c.poller.mu.Lock()
	c.handshake, c.state = nil, closed
	c.poller.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[i] = nil
}

// all are the connections that opened, whatever became of them.
func (r *run) all() []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*conn, 0, len(r.conns))
	for _, c := range r.conns {
		if c != nil {
			list = append(list, c)
		}
	}
	return list
}

func (c *conn) is() state {
	c.poller.mu.Lock()
	defer c.poller.mu.Unlock()
	return c.state
}

// wait calls done every few milliseconds until it is true, or the time is over, or ctx is.
func (r *run) wait(ctx context.Context, most time.Duration, done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.NewTimer(most)
	defer over.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-over.C:
			return done()
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// measure is the run itself: connect, load, drain, count.
func (r *run) measure(ctx context.Context) (*Result, error) {
	r.result = newResult(r.cfg, r.target, len(r.pollers))
	server := &r.result.Server
	if r.target.local() {
		server.PID = r.cfg.PID
		if server.PID == 0 {
			server.PID = findServer(r.target.addr)
		}
		if server.PID != 0 {
			server.Command = commandOf(server.PID)
		}
	}
	before := r.observe(true)

	stopDrawing := r.draw()
	defer stopDrawing()
	began := now()
	d := newDialer(r)
	r.mu.Lock()
	r.dialer = d
	r.mu.Unlock()
	d.open(ctx)
	r.result.connected(d, now()-began)
	opened := r.all()
	switch {
	case ctx.Err() != nil:
		r.result.Interrupted = true
		return r.result, nil
	case len(opened) == 0:
		return nil, fmt.Errorf("no connection to %s: %s", r.target.url, r.result.Connect.reasons())
	}
	connected := r.observe(true)

	var from, to usage
	var start, end tally
	var ownFrom, ownTo time.Duration
	if r.cfg.Rate > 0 {
		r.prepare(opened)
		sending, stopSending := context.WithCancel(ctx)
		defer stopSending()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			r.sender.send(sending, r.sender.ending+int64(r.cfg.Drain))
		}()
		r.until(ctx, r.verifier.measureFrom.Load())
		from, start, ownFrom = r.observe(false), r.count(), ownCPU()
		r.until(ctx, r.sender.ending)
		to, end, ownTo = r.observe(false), r.count(), ownCPU()
		<-sent
		r.result.Interrupted = ctx.Err() != nil
		r.wait(context.Background(), r.cfg.Drain, r.complete)
	} else {
		from, start, ownFrom = r.observe(false), r.count(), ownCPU()
		r.until(ctx, now()+int64(r.cfg.Duration))
		to, end, ownTo = r.observe(false), r.count(), ownCPU()
		r.result.Interrupted = ctx.Err() != nil
	}
	after := r.observe(true)
	stopDrawing()
	r.result.used(before, connected, after, from, to, start, end, ownTo-ownFrom, len(opened))
	if err := r.proof(opened); err != nil {
		return nil, err
	}
	r.result.judge()
	if failed := r.cfg.Connections - len(opened); failed > 0 {
		return r.result, fmt.Errorf("%d of %d connections failed: %s", failed, r.cfg.Connections, r.result.Connect.reasons())
	}
	return r.result, nil
}

// prepare chooses the publishers, and the moment of the first message.
func (r *run) prepare(opened []*conn) {
	publishers := opened[:min(len(opened), r.cfg.publishers())]
	for i, c := range publishers {
		c.poller.mu.Lock()
		c.member.publisher = int32(i)
		c.poller.mu.Unlock()
	}
	r.result.Plan.Publishers = len(publishers)
	start := now() + int64(10*time.Millisecond)
	r.verifier.measureFrom.Store(start + int64(r.cfg.Warmup))
	s := newSender(r.verifier, publishers, r.cfg.Rate, start, r.cfg.Warmup, r.cfg.Duration)
	r.mu.Lock()
	r.sender = s
	r.mu.Unlock()
}

// until waits for a moment of the clock, or for ctx.
func (r *run) until(ctx context.Context, at int64) {
	timer := time.NewTimer(time.Duration(at - now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// complete says whether everybody has received everything.
func (r *run) complete() bool {
	for _, c := range r.all() {
		c.poller.mu.Lock()
		ok := c.state != open || r.verifier.complete(&c.member)
		c.poller.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// proof takes what the pollers and the verifier found into the result.
func (r *run) proof(opened []*conn) error {
	for _, p := range r.pollers {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	var latency histogram
	var count tally
	closes := map[string]int{}
	for _, p := range r.pollers {
		p.finished = true
		latency.merge(&p.latency)
		count.add(p.count)
		for why, n := range p.closes {
			closes[why] += n
		}
	}
	var members []*member
	gone := map[int]bool{}
	for _, c := range opened {
		switch {
		case c.state == open:
			members = append(members, &c.member)
		case c.member.publisher >= 0:
			gone[int(c.member.publisher)] = true
		}
	}
	r.result.counted(count, closes)
	if r.sender == nil {
		return nil
	}
	faults, expected, died := r.verifier.finish(members, gone)
	r.result.proved(faults, expected, r.verifier.samples)
	r.result.Sent.Died = died
	sent, lag := r.sender.state()
	return r.result.loaded(sent, &lag, &latency)
}

// observe reads what the server has used; the zero usage where there is none to observe.
func (r *run) observe(withMemory bool) usage {
	if r.result.Server.PID == 0 {
		return usage{at: now()}
	}
	u, err := observe(r.result.Server.PID, withMemory)
	if err != nil {
		r.result.note("%v", err)
		r.result.Server.PID = 0
	}
	return u
}

// count is what all pollers have counted until now.
func (r *run) count() (all tally) {
	for _, p := range r.pollers {
		p.mu.Lock()
		all.add(p.count)
		p.mu.Unlock()
	}
	return all
}
