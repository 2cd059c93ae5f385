package fanout

import (
	"time"

	"github.com/throng-chat/throng/server/limiter"
)

// How the bytes of a connection are held to a rate. A rate of messages alone lets one publisher of large messages fill the sockets of
// everybody in its room. Beyond a burst throng reads from the connection only as fast as the rate allows: TCP makes it wait. A
// connection that still wants more when that has lasted for paceLimit is refused.

// ByteRate is how many bytes a second; 0 for no limit.
type ByteRate int

const (
	BurstOfBytes = 4 * time.Second  // of the rate that may be used up at once
	Regained     = time.Second      // of the rate that is free again when a connection no longer wants too much; over a tick
	PaceLimit    = 30 * time.Second // for which a connection may want more than the rate
)

// Spend counts n bytes.
func (br ByteRate) Spend(m *limiter.Meter, now time.Duration, n int) {
	if br > 0 {
		*m = limiter.Meter(max(time.Duration(*m), now) + time.Duration(n)*time.Second/time.Duration(br))
	}
}

// spendBytes counts n bytes that came from the peer. Called on the poller.
func (c *Conn) spendBytes(now time.Duration, n int) {
	if c.PacedSince != 0 && time.Duration(c.Bytes)-now < BurstOfBytes-Regained {
		c.PacedSince = 0
		c.Handler.OnFlood(false)
	}
	c.Shard.Engine.byteRate.Spend(&c.Bytes, now, n)
}

// overBytes says whether the connection is not to be read from for now. Called on the poller.
func (c *Conn) overBytes(now time.Duration) bool { return time.Duration(c.Bytes)-now > BurstOfBytes }

// Pace puts c on the list of connections to read from when their rate of bytes allows. Called on the poller.
func (p *Poller) Pace(c *Conn) {
	tick := p.loop.clock.Tick()
	if pinged := c.Pinged.Load(); pinged != 0 {
		c.Pinged.CompareAndSwap(pinged, uint32(tick)) // the answer may be there, unread
	}
	if c.PacedSince == 0 {
		c.PacedSince = tick
	}
	if tick >= c.PacedSince+InTicks(PaceLimit) {
		c.Handler.OnFlood(true)
		if c.Closing() {
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
func (p *Poller) readPaced(now time.Duration) {
	list := p.pacing
	p.pacing, p.sparePacing = p.sparePacing[:0], nil
	for i, c := range list {
		list[i] = nil
		if c.overBytes(now) && !c.Closing() {
			p.pacing = append(p.pacing, c)
			continue
		}
		c.waiting = false
		p.loop.Read(c)
	}
	p.sparePacing = list[:0]
	p.paced.Store(len(p.pacing) > 0)
}

// resumePaced wakes the pollers that pace connections. Called on the heartbeat, at each tick.
func (l *loop) resumePaced() {
	for _, p := range l.Pollers {
		if p.paced.Load() {
			p.paceDue.Store(true)
			p.wake()
		}
	}
}
