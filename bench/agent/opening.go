package agent

// opened ends c's opening. c is a member now, unless err is set. The caller holds the poller's lock.
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
		_ = c.nc.Close() // it never became a connection of the run
	}
	h.result <- err
}

// step continues the protocol's opening steps. text is the received message, or nil right after the upgrade. The caller holds the poller's
// lock.
func (p *poller) step(c *conn, text []byte, at int64) {
	h, steps := c.handshake, p.protocol.Steps
	if text != nil {
		if p.refuses(h, text) {
			p.opened(c, &rejectedError{string(text[:min(len(text), maxQuote)])}, at)
			return
		}
		if h.steps >= len(steps) || !matches(text, steps[h.steps].Expect) {
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
			c.write(p.protocol.op(), []byte(p.stepText(c, h.steps)))
		}
		if steps[h.steps].Expect != "" {
			return
		}
		h.steps++
	}
	p.opened(c, nil, at)
}

// refuses reports whether a text rejects the current step.
func (p *poller) refuses(h *handshake, text []byte) bool {
	refused := p.protocol.Refused
	if h.steps < len(p.protocol.Steps) && p.protocol.Steps[h.steps].Refused != "" {
		refused = p.protocol.Steps[h.steps].Refused
	}
	return refused != "" && matches(text, refused)
}

// stepText returns the text to send in a step. The caller holds the poller's lock.
func (p *poller) stepText(c *conn, step int) string {
	text, resume := p.protocol.Steps[step].Send, p.protocol.Resume
	switch {
	case resume == nil || step < len(p.protocol.Steps)-1:
	case c.position == nil:
		text = resume.Join
	default:
		text = p.protocol.rejoin(c.position)
	}
	if text = fill(text, c.handshake.room); p.protocol.Binary {
		return withLengths(text)
	}
	return text
}

// joined reads the response to the last step: the position of a new client, or whether a returning client recovers all missed messages.
// Otherwise the returning client keeps its place in the log of its room, so that the delivery check finds the missing messages. They count
// as a gap that the server reported.
func (p *poller) joined(c *conn, text []byte, at int64) error {
	answer, _ := p.protocol.answer(text)
	reply, back := p.protocol.joinReply(answer), c.position != nil
	if back && reply.recovered {
		p.count.Resumed++
		return nil // the place is unchanged; the publications in the response advance it
	}
	switch {
	case !reply.positioned && !back:
		return errNoPosition
	case reply.positioned:
		c.position = &reply.position
	}
	if back {
		p.count.Resumed++
		p.count.Missed++
		c.room.reportGap(&c.member, at)
	}
	return nil
}
