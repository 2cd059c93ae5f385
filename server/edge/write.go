package edge

import (
	"errors"
	"io"
	"os"
	"time"
)

// How an HTTP response of the public port is written. A connection is closed if its peer receives nothing for ResponseStall. A slow peer
// that makes progress has responseTimeout.

const (
	maxActive       = 16                      // first requests that use the CPU at the same time
	activeTime      = 20 * time.Millisecond   // after which a request counts as waiting
	ResponseStall   = 1500 * time.Millisecond // without progress of a response; checked every 500 ms, so the close comes within 2 s
	responseTimeout = time.Minute             // for a whole response
)

// stallCheck is the interval at which a blocked write checks its progress.
const stallCheck = ResponseStall / 3

// holdSlot holds a slot until the response is written or the request waits for something, at most activeTime. The slots bound the number of
// goroutines that compete for the CPU with the acceptor, which opens the connections of all clients.
func (c *PendingConn) holdSlot(slots chan struct{}) {
	c.slots = slots
	time.AfterFunc(activeTime, c.releaseSlot)
}

// releaseSlot releases the slot. Further calls have no effect.
func (c *PendingConn) releaseSlot() {
	if c.slots != nil && !c.released.Swap(true) {
		<-c.slots
	}
}

// Write writes b as long as the peer makes progress. Only one goroutine may call it at a time.
func (c *PendingConn) Write(b []byte) (n int, err error) {
	for idle := time.Duration(0); ; {
		by := time.Now().Add(stallCheck)
		if !c.until.IsZero() && c.until.Before(by) {
			by = c.until
		}
		if err := c.TCPConn.SetWriteDeadline(by); err != nil {
			return n, err
		}
		sent, took, err := c.send(b[n:])
		n += sent
		if idle += stallCheck; took > 0 {
			idle = 0
			if c.owner != nil {
				c.owner.progressed(c)
			}
		}
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case idle >= ResponseStall || !c.until.IsZero() && !time.Now().Before(c.until):
			if c.owner != nil {
				c.owner.countStalled()
			}
			return n, errors.Join(err, c.SetLinger(0)) // the kernel discards the unsent bytes
		}
	}
}

// SetWriteDeadline sets the deadline of a whole response. net/http calls it.
func (c *PendingConn) SetWriteDeadline(t time.Time) error {
	c.until = t
	return nil
}

// ReadFrom replaces that of TCPConn, so that all bytes go through Write.
func (c *PendingConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(onlyWriter{c}, r) }

type onlyWriter struct{ io.Writer }
