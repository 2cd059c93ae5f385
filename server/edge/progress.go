package edge

import (
	"errors"
	"io"
	"os"
	"time"
)

// How an HTTP answer on the public port is written: a peer that takes nothing of it for AnswerStall is cut. One that is
// slow and steady has answerTimeout.

const (
	maxAtWork     = 16                      // first requests of connections that are at work at a time, and wait for nothing
	workTime      = 20 * time.Millisecond   // after which one counts as waiting
	AnswerStall   = 1500 * time.Millisecond // without progress of an answer; looked at every 500 ms, so nobody stays for 2 s
	answerTimeout = time.Minute             // for the whole of an answer
)

// answerLook is how often a write that waits looks at its progress.
const answerLook = AnswerStall / 3

// work holds a place of those at work until this answer is written, or something is waited for: what crowds the processor
// is how many are at work, and the acceptor, with everybody's handshakes, is one more of them.
func (c *Handshake) work(gate chan struct{}) {
	c.gate = gate
	time.AfterFunc(workTime, c.waits)
}

// waits gives the place back. A second call does nothing.
func (c *Handshake) waits() {
	if c.gate != nil && !c.resting.Swap(true) {
		<-c.gate
	}
}

// Write writes b, for as long as the peer takes something of it. It is called by one goroutine at a time.
func (c *Handshake) Write(b []byte) (n int, err error) {
	for idle := time.Duration(0); ; {
		by := time.Now().Add(answerLook)
		if !c.until.IsZero() && c.until.Before(by) {
			by = c.until
		}
		if err := c.TCPConn.SetWriteDeadline(by); err != nil {
			return n, err
		}
		took, err := c.TCPConn.Write(b[n:])
		n += took
		if idle += answerLook; took > 0 {
			idle = 0
			if c.Owner != nil {
				c.Owner.progressed(c)
			}
		}
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case idle >= AnswerStall || !c.until.IsZero() && !time.Now().Before(c.until):
			if c.Owner != nil {
				c.Owner.refusedSlow()
			}
			return n, errors.Join(err, c.SetLinger(0)) // what is left is not kept for it by the kernel either
		}
	}
}

// SetWriteDeadline is how net/http bounds the whole of an answer.
func (c *Handshake) SetWriteDeadline(t time.Time) error {
	c.until = t
	return nil
}

// ReadFrom is that of TCPConn, by Write.
func (c *Handshake) ReadFrom(r io.Reader) (int64, error) { return io.Copy(onlyWriter{c}, r) }

type onlyWriter struct{ io.Writer }
