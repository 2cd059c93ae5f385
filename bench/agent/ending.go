package agent

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// reject closes c because its server broke RFC 6455.
func (p *poller) reject(c *conn, why error) {
	p.count.BadFrames++
	code := ws.CloseProtocolError
	if e := (*ws.CloseError)(nil); errors.As(why, &e) {
		code = e.Code
	}
	p.lost(c, fmt.Sprintf("bad frame: %v", why), closed)
	c.write(ws.OpClose, ws.ClosePayload(code, ""))
	_ = c.nc.Close() // an error does not matter: the connection is already counted as closed
}

// lost counts, once per connection, that the server ended c.
func (p *poller) lost(c *conn, why string, to state) {
	switch {
	case p.finished:
	case c.state == open && c.stopped > 0:
		p.count.Cut++
		p.cuts[why]++
		p.cut.Record(Now() - c.stopped)
	case c.state == open && p.orphaned(c):
	case c.state == open:
		c.room.leave(&c.member) // the messages that it missed until now are lost
		p.count.Closed++
		p.closes[why]++
	}
	c.state = to
}

// onClose handles the end of a connection. nbio calls it once per connection, on one goroutine for all connections.
func (p *poller) onClose(c *conn, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.window != nil {
		p.inflater.Release(c.window)
		c.window = nil
	}
	if h := c.handshake; h != nil {
		c.handshake = nil
		c.state = closed
		h.result <- h.joining(p.protocol, endOf(why, "closed during the handshake"))
		return
	}
	p.lost(c, endOf(why, "ended without a close frame").Error(), closed)
}

// endOf returns err, or an error with the text plain if err is the end of the stream.
func endOf(err error, plain string) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New(plain)
	}
	return err
}

func describeClose(code ws.CloseCode, reason string) string {
	if !utf8.ValidString(reason) {
		reason = ""
	}
	return fmt.Sprintf("close %d %s", code, result.PrintableLine(reason, maxQuote))
}
