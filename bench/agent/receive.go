package agent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/ws"
)

// message processes one complete message or control frame. It returns false if c has ended.
func (p *poller) message(c *conn, op ws.Opcode, payload []byte, at int64) bool {
	switch op {
	case p.protocol.op():
		return p.text(c, payload, at)
	case ws.OpText, ws.OpBinary:
		p.count.Foreign++
		if c.handshake != nil {
			kind := "text"
			if op == ws.OpBinary {
				kind = "binary"
			}
			c.handshake.unexpected(fmt.Appendf(nil, "a %s message of %d bytes", kind, len(payload)))
		}
	case ws.OpPing:
		p.count.Pings++
		c.write(ws.OpPong, payload)
	case ws.OpPong:
		if len(payload) == 8 {
			p.ping.Record(at - int64(binary.BigEndian.Uint64(payload)))
		}
	case ws.OpClose:
		code, reason, err := ws.ParseClose(payload)
		if err != nil {
			p.reject(c, err)
			return false
		}
		if c.handshake != nil {
			var why error = &rejectedError{describeClose(code, reason)}
			if c.handshake.came > 0 {
				why = c.handshake.joining(p.protocol, why)
			}
			p.opened(c, why, at)
			return false
		}
		p.lost(c, describeClose(code, reason), closing)
		c.write(ws.OpClose, ws.ClosePayload(code, ""))
	}
	return true
}

// text processes one text message. It returns false if c has ended.
func (p *poller) text(c *conn, text []byte, at int64) bool {
	if p.protocol.pinged(text) { // at any time, also before the join
		p.count.Pings++
		if p.protocol.Pong != "" {
			c.write(p.protocol.op(), []byte(p.protocol.Pong))
		}
	}
	joins := c.handshake != nil
	if joins {
		p.step(c, text, at)
	}
	if !c.listens() {
		return c.state != closed
	}
	if p.protocol.bare() {
		if p.receive(c, text, at, false) == foreign {
			if !utf8.Valid(text) {
				p.reject(c, &ws.CloseError{Code: ws.CloseInvalidData, Reason: "text is not UTF-8"})
				return false
			}
			p.count.Foreign++
		}
		return true
	}
	if joins && c.position != nil {
		var answer []byte
		answer, text = p.protocol.answer(text)
		p.messages(c, answer, at, true)
	}
	p.messages(c, text, at, false)
	return true
}

// messages processes all messages of the run in text. missed is set for recovered messages.
func (p *poller) messages(c *conn, text []byte, at int64, missed bool) {
	all, some := text, false
	for {
		i := bytes.Index(text, p.mark)
		if i < 0 {
			break
		}
		end := min(i+p.check.size, len(text))
		if p.receive(c, text[i:end], at, missed) == foreign {
			p.count.Foreign++
		}
		text, some = text[end:], true
	}
	if some && c.position != nil {
		if offset, ok := p.protocol.lastOffset(all, text); ok {
			c.position.offset = offset
		}
	}
}

// receive checks one message that begins with the mark. The age of a recovered message (missed) does not count as latency.
func (p *poller) receive(c *conn, body []byte, at int64, missed bool) verdict {
	m := &c.member
	s, is := c.room.receive(m, body)
	switch {
	case is == foreign:
		return is
	case is == fresh && missed:
		p.count.Recovered++
	case is == fresh:
		if p.pairs != nil {
			p.pairs.record(s.publisher, c.target, at-s.intended)
		}
		if c.touched {
			p.touched.Record(at - s.intended)
		} else {
			p.each.Record(at - s.intended)
			p.sent.Record(at - s.intended - s.lag)
		}
		if (s.publisher+s.seq)&p.spanMask == 0 {
			p.spans.record(&entry{publisher: s.publisher, seq: s.seq, intended: s.intended}, at)
		}
		if p.again != nil && int32(s.publisher) == m.publisher {
			p.again(c)
		}
	}
	p.count.Deliveries++
	return is
}
