package server

import (
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// How the bytes of a connection are held to a rate. A rate of messages alone lets one publisher of large messages fill the sockets of
// everybody in its room. Beyond a burst throng reads from the connection only as fast as the rate allows: TCP makes it wait. A
// connection that still wants more when that has lasted for paceLimit is refused.

// byteRate is how many bytes a second; 0 for no limit.
type byteRate int

const (
	burstOfBytes = 4 * time.Second  // of the rate that may be used up at once
	regained     = time.Second      // of the rate that is free again when a connection no longer wants too much; over a tick
	paceLimit    = 30 * time.Second // for which a connection may want more than the rate
)

// spend counts n bytes.
func (r byteRate) spend(m *limiter.Meter, now time.Duration, n int) {
	if r > 0 {
		*m = limiter.Meter(max(time.Duration(*m), now) + time.Duration(n)*time.Second/time.Duration(r))
	}
}

// spendBytes counts n bytes that came from the peer. Called on the poller.
func (c *conn) spendBytes(now time.Duration, n int) {
	if c.pacedSince != 0 && time.Duration(c.bytes)-now < burstOfBytes-regained {
		c.pacedSince = 0
		c.handler.onFlood(false)
	}
	c.shard.engine.byteRate.spend(&c.bytes, now, n)
}

// overBytes says whether the connection is not to be read from for now. Called on the poller.
func (c *conn) overBytes(now time.Duration) bool { return time.Duration(c.bytes)-now > burstOfBytes }

// pace puts c on the list of connections to read from when their rate of bytes allows. Called on the poller.
func (p *poller) pace(c *conn) {
	tick := p.loop.clock.tick()
	if pinged := c.pinged.Load(); pinged != 0 {
		c.pinged.CompareAndSwap(pinged, uint32(tick)) // the answer may be there, unread
	}
	if c.pacedSince == 0 {
		c.pacedSince = tick
	}
	if tick >= c.pacedSince+inTicks(paceLimit) {
		c.handler.onFlood(true)
		if c.closing() {
			p.later(c) // to see it end
			return
		}
	}
	if !c.waiting {
		c.waiting = true
		p.pacing = append(p.pacing, c)
		p.paced.Store(true)
		p.loop.metrics.Paced.Inc()
	}
}

// readPaced reads from those whose rate allows it again. Called on the poller.
func (p *poller) readPaced(now time.Duration) {
	list := p.pacing
	p.pacing, p.sparePacing = p.sparePacing[:0], nil
	for i, c := range list {
		list[i] = nil
		if c.overBytes(now) && !c.closing() {
			p.pacing = append(p.pacing, c)
			continue
		}
		c.waiting = false
		p.loop.read(c)
	}
	p.sparePacing = list[:0]
	p.paced.Store(len(p.pacing) > 0)
}

// resumePaced wakes the pollers that pace connections. Called on the heartbeat, at each tick.
func (l *loop) resumePaced() {
	for _, p := range l.pollers {
		if p.paced.Load() {
			p.paceDue.Store(true)
			p.wake()
		}
	}
}
