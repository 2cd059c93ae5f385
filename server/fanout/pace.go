package fanout

import "time"

// Pacing: the rate of bytes of a connection. A rate of messages alone lets one publisher of large messages fill the sockets of all members
// of its room. After a burst, throng reads from the connection only as fast as the rate allows, so that TCP slows the client down. A
// connection that exceeds the rate for longer than PaceLimit is closed.

// Pace defers the reading from c until its rate of bytes allows it. Called on the poller.
func (rd *reader) Pace(c *Conn) {
	tick := rd.loop.clock.Tick()
	if pinged := c.Pinged.Load(); pinged != 0 {
		c.Pinged.CompareAndSwap(pinged, uint32(tick)) // the pong may have come, and is not read
	}
	if c.PacedSince == 0 {
		c.PacedSince = tick
	}
	if tick >= c.PacedSince+InTicks(PaceLimit) {
		c.Handler.OnFlood(true)
		if c.Closing() {
			rd.readLater(c) // reads the end of the connection
			return
		}
	}
	if !c.Set(waiting) {
		rd.pacing = append(rd.pacing, c)
		rd.paced.Store(true)
		rd.loop.metrics.Paced.Inc()
	}
}

// readPaced reads from the paced connections whose rate allows it again. Called on the poller.
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
