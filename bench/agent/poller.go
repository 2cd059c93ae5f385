package agent

import (
	"encoding/binary"
	"errors"
	"math"
	"syscall"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

func newPoller(v *deliveryCheck, protocol *Protocol, rate float64) *poller {
	head := ws.AppendFrame(nil, ws.OpText, make([]byte, v.size))
	p := &poller{
		check:    v,
		protocol: protocol,
		headLen:  len(head) - v.size,
		headWord: binary.LittleEndian.Uint32(head),
		headMask: math.MaxUint32,
		spanMask: spanMask(rate),
		rules:    ws.Rules{MaxMessage: maxMessage, MaxFragments: maxFragments, FromServer: true},
		closes:   map[string]int{},
		cuts:     map[string]int{},
	}
	if p.headLen == 2 {
		p.headMask = math.MaxUint16
		p.headWord &= p.headMask
	}
	p.deflateRules = p.rules
	p.deflateRules.MaxCompressed = maxMessage + maxMessage>>8 // a server may compress what does not shrink
	p.mark = make([]byte, runSize)
	putDigits(p.mark, uint64(v.run))
	return p
}

// onRead reads c's socket until no bytes are left. nbio calls it on the poller's goroutine. buf is the poller's own.
func (p *poller) onRead(c *conn, buf []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.stopped > 0 && !ended(c.nc) {
		return // it reads no more, until the server closes it
	}
	for { // until no bytes are left: the loop is edge-triggered, and closes a connection whose peer has ended it
		kept := copy(buf, c.tail)
		n, wire, more, err := c.read(buf[kept:])
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil:
			_ = c.nc.CloseWithError(err) // onClose counts it
			return
		}
		p.count.Bytes += uint64(wire)
		if n > 0 {
			p.count.Reads++
			if !p.onBytes(c, buf[:kept+n], Now()) {
				return
			}
		}
		if !more {
			return
		}
	}
}

// read reads once from c's socket into b: n bytes of data, of wire bytes of the socket. more is set if another call may return data at once.
// The error is EAGAIN if the socket is empty. Called on the poller.
func (c *conn) read(b []byte) (n, wire int, more bool, err error) {
	if c.tls != nil {
		return c.tls.Read(c.nc, b, Now())
	}
	n, more, err = netpoll.OverTCP(c.nc).Read(b)
	return n, n, more, err
}

// onBytes processes the bytes of one read of c, after the rest of the previous read. It returns false if c has ended.
func (p *poller) onBytes(c *conn, b []byte, at int64) bool {
	if h := c.handshake; h != nil && !h.upgraded {
		rest, done, err := h.feed(b)
		switch {
		case !done:
			return true
		case err != nil:
			p.opened(c, err, at)
			return false
		}
		h.upgraded = true
		if c.deflation = h.deflation; c.deflation != uncompressed {
			p.count.Deflating++
		}
		p.step(c, nil, at)
		b = rest
	}
	if c.state == closed || c.state == leaving {
		return c.state == leaving
	}
	if c.decoder != nil {
		return p.decode(c, b, at)
	}
	rest, whole := p.frames(c, b, at)
	if !whole {
		c.tail = nil
		if c.state == closed {
			return false
		}
		c.decoder = &ws.Decoder{}
		return p.decode(c, rest, at)
	}
	if c.tail = append(c.tail[:0], rest...); len(rest) == 0 && cap(c.tail) > keptTail {
		c.tail = nil
	}
	return c.state != closed
}

// frames processes all complete frames of b and returns the rest. whole is false if c is closed, or if the full decoder must process the
// rest.
//
// The first loop decides the cost of the bench: it handles a delivery of the expected message with three comparisons (head, stamp, filler)
// and two records.
func (p *poller) frames(c *conn, b []byte, at int64) (rest []byte, whole bool) {
	v, m, each := p.check, &c.member, &p.each
	if c.touched {
		each = &p.touched
	}
	mine := int32(-2) // no publisher
	if p.again != nil {
		mine = m.publisher
	}
	body := p.headLen + StampSize
	wire := p.headLen + v.size
	fast := uint64(0) // deliveries of the first loop
	defer func() { p.count.uncompressed(fast, v.size) }()
	for len(b) > 0 {
		// Only a message without a wrapping has the expected head.
		if r := c.room; c.listens() && p.protocol.bare() {
			logged := r.log.length.Load()
			for len(b) >= wire && m.next < logged && binary.LittleEndian.Uint32(b)&p.headMask == p.headWord {
				e := r.log.at(m.next)
				if e == nil {
					break
				}
				// Written out, because the compiler would not inline a function. One branch for all words.
				s, w := b[body-StampSize:body], &e.words
				if (binary.LittleEndian.Uint64(s)^w[0])|(binary.LittleEndian.Uint64(s[8:])^w[1])|
					(binary.LittleEndian.Uint64(s[16:])^w[2])|(binary.LittleEndian.Uint64(s[24:])^w[3])|
					(binary.LittleEndian.Uint64(s[32:])^w[4]) != 0 {
					break
				}
				text := v.filler.text
				if v.filler.many {
					text = v.filler.of(e.publisher, e.seq)
				}
				if string(b[body:wire]) != text {
					r.spoiled(m, e)
				} else {
					if p.pairs != nil {
						p.pairs.record(e.publisher, c.target, at-e.intended)
					}
					each.Record(at - e.intended)
					if !c.touched {
						p.sent.Record(at - e.sent)
					}
				}
				if (e.publisher+e.seq)&p.spanMask == 0 {
					p.spans.record(e, at)
				}
				m.begin(m.next)
				m.next++
				fast++
				b = b[wire:]
				if int32(e.publisher) == mine {
					p.again(c)
				}
			}
		}
		f, need := nextFrame(b, c.deflation != uncompressed)
		switch {
		case len(b) == 0, need > len(b):
			return b, true
		case need == 0:
			return b, false
		}
		b = b[need:]
		if !p.frame(c, f, at) {
			return nil, false
		}
	}
	return b, true
}

// decode does the same as frames for a stream with fragments, or with messages larger than a read.
func (p *poller) decode(c *conn, b []byte, at int64) bool {
	for len(b) > 0 {
		msg, rest, err := c.decoder.Next(p.rulesOf(c), b)
		if err != nil {
			p.reject(c, err)
			return false
		}
		if msg.Op == ws.OpContinuation {
			return true
		}
		if !p.frame(c, frame{op: msg.Op, compressed: msg.Compressed, payload: msg.Payload}, at) {
			return false
		}
		b = rest
	}
	return true
}
