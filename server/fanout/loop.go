package fanout

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
)

const ReadBuffer = 16 << 10 // bytes; of a poller, shared by its connections

// loop is the epoll (kqueue) loop under the connections. Each of its pollers is one goroutine that reads from a share of the sockets
// and hands the bytes to their conns; nothing that runs on it may block.
type loop struct {
	*pollers
	metrics *metrics.Metrics
	clock   *clock
	readers []*reader // one a poller
	panics  rate.Sometimes
}

// reader is what a poller keeps: connections to read from when no event of theirs would make it. Owned by the poller.
type reader struct {
	*Poller
	loop    *loop
	waiting []*Conn
	spare   []*Conn
	pacing  []*Conn // until their rate of bytes allows

	sparePacing []*Conn
}

// newLoop starts the pollers. Several servers of a process may start at the same time.
func newLoop(n int, openFiles int, shared *Shared) (*loop, error) {
	l := &loop{
		pollers: &pollers{log: shared.Log},
		metrics: shared.Metrics,
		clock:   shared.Clock,
		panics:  logqueue.EverySecond(),
	}
	for i := range n {
		p := &Poller{all: l.pollers, number: i}
		l.Pollers = append(l.Pollers, p)
		l.readers = append(l.readers, &reader{Poller: p, loop: l})
	}
	l.sockets = netpoll.New(netpoll.Config{
		Pollers:    n,
		OpenFiles:  openFiles,
		ReadBuffer: ReadBuffer,
		// Only sentinels go through the loop's own write queue: this is a fence.
		MaxQueued: 64 << 10,
	}, netpoll.Events{
		Readable: l.onReadable,
		Written:  onWritten,
		Closed:   onClosed,
		Woken:    func(poller int) { l.readers[poller].onWake() },
	})
	if err := l.sockets.Start(); err != nil {
		return nil, err
	}
	return l, nil
}

// stop ends the pollers and waits for every callback. It closes what is still open. Not to be called twice.
func (l *loop) stop() {
	if err := l.sockets.Stop(); err != nil {
		l.log.Debug("close a wake-up socket", "error", err)
	}
}

// ReaderOf is what the poller of c keeps. Called on that poller.
func (l *loop) ReaderOf(c *Conn) *reader { return l.readers[l.sockets.Poller(c.Transport.Socket())] }

// later puts c on the list of connections to read from when the poller has dealt with the others, or, where its room is
// behind, when that has caught up. Called on the poller.
func (rd *reader) later(c *Conn) {
	if !c.Set(waiting) {
		rd.waiting = append(rd.waiting, c)
	}
	if a := c.Handler.PublishesTo(); a != nil && a.Congested() {
		rd.loop.metrics.Pauses.Inc()
		a.paused.Store(true)
		// It may have caught up before it saw that somebody waits.
		if a.Congested() {
			return
		}
	}
	rd.wake()
}

// onWake is called on the poller.
func (rd *reader) onWake() {
	if at := rd.probed.Swap(0); at != 0 {
		rd.loop.metrics.LoopLag.Observe(time.Since(time.Unix(0, at)).Seconds())
	}
	for _, f := range rd.takePosted() {
		rd.loop.Contain(nil, f) // a fault of our own code costs what was posted
	}
	if rd.paceDue.Swap(false) {
		rd.readPaced(rd.loop.clock.Now())
	}
	list := rd.waiting
	rd.waiting = rd.spare[:0]
	for i, c := range list {
		list[i] = nil
		c.unset(waiting)
		rd.loop.Read(c)
	}
	rd.spare = list[:0]
}

// onWritten is called when a sentinel has been written: on the poller or within shard.arm, and under the connection's own
// lock, so it only leaves a note.
func onWritten(s *netpoll.Socket) {
	if c, ok := s.Session().(*Conn); ok {
		c.Set(writable)
		c.Shard.anyReady.Store(true)
		c.Shard.Wake()
	}
}

// onClosed is called on the loop's one closer goroutine, once for each socket that was added.
func onClosed(s *netpoll.Socket, _ error) {
	if c, ok := s.Session().(*Conn); ok {
		c.Handler.OnGone()
	}
}
