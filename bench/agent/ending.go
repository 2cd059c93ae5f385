package agent

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// refuse closes c, as what its server sent is not RFC 6455.
func (p *poller) refuse(c *conn, why error) {
	p.count.BadFrames++
	code := ws.CloseProtocolError
	if e := (*ws.CloseError)(nil); errors.As(why, &e) {
		code = e.Code
	}
	p.lost(c, fmt.Sprintf("bad frame: %v", why), closed)
	c.write(ws.OpClose, ws.ClosePayload(code, ""))
	_ = c.nc.Close() // it was counted
}

// lost counts, once, that the other side ended c.
func (p *poller) lost(c *conn, why string, to state) {
	switch {
	case p.finished:
	case c.state == open && c.stopped > 0:
		p.count.Cut++
		p.cuts[why]++
		p.cut.Record(Now() - c.stopped)
	case c.state == open:
		c.room.leave(&c.member) // what it was passed over with until then is lost all the same
		p.count.Closed++
		p.closes[why]++
	}
	c.state = to
}

// onClose is called once for each connection, on a goroutine that closes them one by one.
func (p *poller) onClose(c *conn, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := c.handshake; h != nil {
		c.handshake = nil
		c.state = closed
		h.result <- h.joining(p.protocol, endOf(why, "closed during the handshake"))
		return
	}
	p.lost(c, endOf(why, "ended without a close frame").Error(), closed)
}

// endOf is err, or plain words for an end of the stream.
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
	return fmt.Sprintf("close %d %s", code, result.PrintableLine(reason, maxRefusal))
}
