package fanout

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
)

const ReadBuffer = 16 << 10 // bytes; of a poller, shared by its connections

// loop is the event loop (epoll, kqueue) of the connections. Each poller is one goroutine that reads from a share of the sockets. Code on a
// poller must not block.
type loop struct {
	*pollers
	metrics *metrics.Metrics
	clock   *clock
	readers []*reader // one for each poller
	panics  rate.Sometimes
}

// reader is the state of a poller: the connections to read from without an event of theirs. Owned by the poller.
type reader struct {
	*Poller
	loop    *loop
	waiting []*Conn // read from at the next wake-up
	pacing  []*Conn // read from once their rate of bytes allows it

	// The lists before, for their memory.
	spare       []*Conn
	sparePacing []*Conn
}

// newLoop starts the pollers. Several servers of one process may call it at the same time.
func newLoop(n int, openFiles int, core *Core) (*loop, error) {
	l := &loop{
		pollers: &pollers{log: core.Log},
		metrics: core.Metrics,
		clock:   core.Clock,
		panics:  logqueue.EverySecond(),
	}
	for i := range n {
		p := &Poller{pollers: l.pollers, number: i}
		l.Pollers = append(l.Pollers, p)
		l.readers = append(l.readers, &reader{Poller: p, loop: l})
	}
	l.sockets = netpoll.New(netpoll.Config{
		Pollers:    n,
		OpenFiles:  openFiles,
		ReadBuffer: ReadBuffer,
		MaxQueued:  64 << 10, // not reached: only writability probes of one byte are queued
	}, netpoll.Events{
		Readable: l.onReadable,
		Written:  onWritable,
		Closed:   onClosed,
		Woken:    func(poller int) { l.readers[poller].onWake() },
	})
	if err := l.sockets.Start(); err != nil {
		return nil, err
	}
	return l, nil
}

// stop closes all open sockets, waits for every callback, and ends the pollers. It must not be called twice.
func (l *loop) stop() {
	if err := l.sockets.Stop(); err != nil {
		l.log.Debug("close a wake-up socket", "error", err)
	}
}

// ReaderOf returns the state of the poller of c. Called on that poller.
func (l *loop) ReaderOf(c *Conn) *reader { return l.readers[l.sockets.Poller(c.Transport.Socket())] }

// readLater defers the reading from c until the poller has read from the others, or, under backpressure, until the audience is under its
// limit. Called on the poller.
func (rd *reader) readLater(c *Conn) {
	if !c.Set(waiting) {
		rd.waiting = append(rd.waiting, c)
	}
	if a := c.Handler.PublishesTo(); a != nil && a.OverLimit() {
		rd.loop.metrics.Pauses.Inc()
		a.paused.Store(true)
		// The backlog may have become smaller before the shard saw paused.
		if a.OverLimit() {
			return
		}
	}
	rd.wake()
}

// onWake is called on the poller after Poller.wake. It answers a probe, runs posted functions, reads from deferred connections and
// inflates a part of a message.
func (rd *reader) onWake() {
	if at := rd.probed.Swap(0); at != 0 {
		rd.loop.metrics.LoopLag.Observe(time.Since(time.Unix(0, at)).Seconds())
	}
	for _, f := range rd.takePosted() {
		rd.loop.Contain(nil, f)
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
	rd.inflate()
}

// onWritable is called when a full socket accepts bytes again, under the socket's lock: on the poller, or on the shard within
// Transport.Write. So it only sets flags.
func onWritable(s *netpoll.Socket) {
	if c, ok := s.Session().(*Conn); ok {
		c.Set(writable)
		c.Shard.anyWritable.Store(true)
		c.Shard.Wake()
	}
}

// onClosed is called once for each socket that was added, on the one closer goroutine of the loop. Session is the name that nbio has for the
// owner of a socket: here it is the Conn, and not a session of the SDK protocol.
func onClosed(s *netpoll.Socket, _ error) {
	if c, ok := s.Session().(*Conn); ok {
		c.Handler.OnClosed()
	}
}
