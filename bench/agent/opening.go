package agent

import "github.com/throng-chat/throng/server/ws"

// opened ends c's opening: it is a member now, or err says why not.
func (p *poller) opened(c *conn, err error, at int64) {
	h := c.handshake
	c.handshake = nil
	if err == nil {
		c.state = open
		p.count.Opened++
		if c.member.away {
			c.member.away = false
		} else {
			c.room.join(&c.member, at)
		}
	} else {
		c.state = closed
		_ = c.nc.Close() // it never was a connection
	}
	h.result <- err
}

// step goes on with the protocol's opening; text is what came, nil right after the upgrade.
func (p *poller) step(c *conn, text []byte, at int64) {
	h, steps := c.handshake, p.protocol.Steps
	if text != nil {
		if p.protocol.Refused != "" && says(text, p.protocol.Refused) {
			p.opened(c, &refusedError{string(text[:min(len(text), maxRefusal)])}, at)
			return
		}
		if h.steps >= len(steps) || !says(text, steps[h.steps].Expect) {
			if !p.protocol.pinged(text) {
				h.unexpected(text)
			}
			return
		}
		if p.protocol.Resume != nil && h.steps == len(steps)-1 {
			if err := p.joined(c, text, at); err != nil {
				p.opened(c, err, at)
				return
			}
		}
		h.steps++
	}
	for h.steps < len(steps) {
		if s := steps[h.steps]; s.Send != "" {
			c.write(ws.OpText, []byte(p.ask(c, h.steps)))
		}
		if steps[h.steps].Expect != "" {
			return
		}
		h.steps++
	}
	p.opened(c, nil, at)
}
