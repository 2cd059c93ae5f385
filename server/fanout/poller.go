package fanout

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
)

// pollers are the goroutines of the event loop, as those who do not run on them see them.
type pollers struct {
	log     *slog.Logger
	sockets *netpoll.Loop
	Pollers []*Poller
	probed  time.Time // owned by the heartbeat

	_        [64]byte      // what is above is read as often as Received is written: they share no cache line
	Received atomic.Uint64 // bytes
}

// Poller reads from a share of the sockets. Others have it call functions, read again or answer a probe.
type Poller struct {
	all    *pollers
	number int
	probed atomic.Int64 // unix nanoseconds of a probe not yet answered; 0 for none

	paced   atomic.Bool // connections wait until their rate of bytes allows
	paceDue atomic.Bool // the heartbeat has ticked since those were looked through

	mu     sync.Mutex // a leaf
	posted []func()
}

// of is the poller that reads from a socket.
func (ps *pollers) of(s *netpoll.Socket) *Poller { return ps.Pollers[ps.sockets.Poller(s)] }

func (ps *pollers) wakeAll() {
	for _, p := range ps.Pollers {
		p.wake()
	}
}

// probe measures, once a second, how long each poller takes to answer. Called on the heartbeat.
func (ps *pollers) probe(now time.Time) {
	if now.Sub(ps.probed) < time.Second {
		return
	}
	ps.probed = now
	for _, p := range ps.Pollers {
		p.probed.Store(now.UnixNano())
		p.wake()
	}
}

// resumePaced wakes the pollers that pace connections. Called on the heartbeat, at each tick.
func (ps *pollers) resumePaced() {
	for _, p := range ps.Pollers {
		if p.paced.Load() {
			p.paceDue.Store(true)
			p.wake()
		}
	}
}

// Post has f called on the poller, in the order of the posts. Any goroutine may call it; it does not block.
func (p *Poller) Post(f func()) {
	p.mu.Lock()
	p.posted = append(p.posted, f)
	p.mu.Unlock()
	p.wake()
}

// takePosted returns what was posted since the last call.
func (p *Poller) takePosted() (posted []func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	posted, p.posted = p.posted, nil
	return posted
}

func (p *Poller) wake() {
	if err := p.all.sockets.Wake(p.number); err != nil {
		p.all.log.Error("a poller sleeps on", "error", err)
	}
}
