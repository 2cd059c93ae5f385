package fanout

import "time"

// How the bytes of a connection are held to a rate. A rate of messages alone lets one publisher of large messages fill the sockets of
// everybody in its room. Beyond a burst throng reads from the connection only as fast as the rate allows: TCP makes it wait. A
// connection that still wants more when that has lasted for paceLimit is refused.

// overBytes says whether the connection is not to be read from for now. Called on the poller.
func (c *Conn) overBytes(now time.Duration) bool { return time.Duration(c.Bytes)-now > BurstOfBytes }

// Pace puts c on the list of connections to read from when their rate of bytes allows. Called on the poller.
func (rd *reader) Pace(c *Conn) {
	tick := rd.loop.clock.Tick()
	if pinged := c.Pinged.Load(); pinged != 0 {
		c.Pinged.CompareAndSwap(pinged, uint32(tick)) // the answer may be there, unread
	}
	if c.PacedSince == 0 {
		c.PacedSince = tick
	}
	if tick >= c.PacedSince+InTicks(PaceLimit) {
		c.Handler.OnFlood(true)
		if c.Closing() {
			rd.later(c) // to see it end
			return
		}
	}
	if !c.Set(waiting) {
		rd.pacing = append(rd.pacing, c)
		rd.paced.Store(true)
		rd.loop.metrics.Paced.Inc()
	}
}

// readPaced reads from those whose rate allows it again. Called on the poller.
func (rd *reader) readPaced(now time.Duration) {
	list := rd.pacing
	rd.pacing, rd.sparePacing = rd.sparePacing[:0], nil
	for i, c := range list {
		list[i] = nil
		if c.overBytes(now) && !c.Closing() {
			rd.pacing = append(rd.pacing, c)
			continue
		}
		c.unset(waiting)
		rd.loop.Read(c)
	}
	rd.sparePacing = list[:0]
	rd.paced.Store(len(rd.pacing) > 0)
}
