package fanout

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
)

// pollers are the pollers of the event loop, as other goroutines use them.
type pollers struct {
	log     *slog.Logger
	sockets *netpoll.Loop
	Pollers []*Poller
	probed  time.Time // owned by the heartbeat

	_        [64]byte      // keeps Received, which is written often, out of the cache line of the fields above, which are read often
	Received atomic.Uint64 // bytes
}

// Poller is a goroutine that reads from a share of the sockets. Other goroutines can post functions to it, wake it and measure its lag.
type Poller struct {
	pollers *pollers
	number  int
	probed  atomic.Int64 // Unix nanoseconds of a probe that is not answered; 0 for none

	paced   atomic.Bool // some connections wait because they exceed their rate of bytes
	paceDue atomic.Bool // the heartbeat has ticked since those were last checked

	inflating []stepper // long messages, which take turns: the next step is that of the first one; owned by the poller

	mu     sync.Mutex // a leaf
	posted []func()
}

// stepper is an inflation. The pollers know no connections, so this is an interface.
type stepper interface {
	step() (done bool, err error)
}

// of returns the poller that reads from a socket.
func (ps *pollers) of(s *netpoll.Socket) *Poller { return ps.Pollers[ps.sockets.Poller(s)] }

func (ps *pollers) wakeAll() {
	for _, p := range ps.Pollers {
		p.wake()
	}
}

// probe measures the lag of each poller, once a second. Called on the heartbeat.
func (ps *pollers) probe(now time.Time) {
	if now.Sub(ps.probed) < time.Second {
		return
	}
	ps.probed = now
	ps.note(now)
	ps.wakeAll()
}

// note notes the time of a probe at each poller that has answered the one before. A probe that is not answered keeps its time.
func (ps *pollers) note(now time.Time) {
	for _, p := range ps.Pollers {
		p.probed.CompareAndSwap(0, now.UnixNano())
	}
}

// unanswered returns the age of the oldest probe that is not answered, 0 for none. Any goroutine may call it.
func (ps *pollers) unanswered(now time.Time) (oldest time.Duration) {
	for _, p := range ps.Pollers {
		if at := p.probed.Load(); at != 0 {
			oldest = max(oldest, now.Sub(time.Unix(0, at)))
		}
	}
	return oldest
}

// resumePaced wakes the pollers that have paced connections. Called on the heartbeat, at each tick.
func (ps *pollers) resumePaced() {
	for _, p := range ps.Pollers {
		if p.paced.Load() {
			p.paceDue.Store(true)
			p.wake()
		}
	}
}

// Post queues f, which the poller calls in the order of the posts. f must not block. Any goroutine may call Post; it does not block.
func (p *Poller) Post(f func()) {
	p.mu.Lock()
	p.posted = append(p.posted, f)
	p.mu.Unlock()
	p.wake()
}

// takePosted returns the functions that were posted since the last call.
func (p *Poller) takePosted() (posted []func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	posted, p.posted = p.posted, nil
	return posted
}

func (p *Poller) wake() {
	if err := p.pollers.sockets.Wake(p.number); err != nil {
		p.pollers.log.Error("wake a poller", "error", err)
	}
}
