package agent

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"syscall"

	"github.com/throng-chat/throng/server/ws"
)

func newPoller(v *proof, protocol *Protocol, rate float64) *poller {
	head := ws.AppendFrame(nil, ws.OpText, make([]byte, v.size))
	p := &poller{
		proof:    v,
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
	p.mark = make([]byte, runSize)
	putDigits(p.mark, uint64(v.run))
	return p
}

// onRead is called on the poller's goroutine when c's socket has bytes. buf is the poller's own.
func (p *poller) onRead(c *conn, buf []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.stopped > 0 && !ended(c.nc) {
		return // it reads no more, until the server has had enough
	}
	for { // until nothing is left: the loop tells of new bytes only, and closes whoever's peer has ended it
		kept := copy(buf, c.tail)
		n, err := c.nc.Read(buf[kept:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil || n == 0:
			if err == nil {
				err = io.EOF
			}
			_ = c.nc.CloseWithError(err) // onClose counts it
			return
		}
		p.count.Reads++
		p.count.Bytes += uint64(n)
		if !p.onBytes(c, buf[:kept+n], Now()) || kept+n < len(buf) {
			return
		}
	}
}

// onBytes takes what was read of c, what was kept from the last read in front. It is false when c is at its end.
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

// frames takes all whole frames out of b and returns what is left. whole is false when c is closed, or what is left must
// go to the full decoder.
//
// The first loop is the bench's cost: a delivery of the expected message. It is three comparisons (head, stamp, filler),
// and two records.
func (p *poller) frames(c *conn, b []byte, at int64) (rest []byte, whole bool) {
	v, m, each := p.proof, &c.member, &p.each
	if c.touched {
		each = &p.touched
	}
	mine := int32(-2) // nobody
	if p.again != nil {
		mine = m.publisher
	}
	body := p.headLen + StampSize
	wire := p.headLen + v.size
	for len(b) > 0 {
		// Only a message in a frame by itself has the head that is looked for.
		if r := c.room; c.listens() && p.protocol.bare() {
			logged := r.log.length.Load()
			for len(b) >= wire && m.next < logged && binary.LittleEndian.Uint32(b)&p.headMask == p.headWord {
				e := r.log.at(m.next)
				if e == nil {
					break
				}
				// By hand, as a function of it would not be inlined; and without a branch for each word.
				s, w := b[body-StampSize:body], &e.words
				if (binary.LittleEndian.Uint64(s)^w[0])|(binary.LittleEndian.Uint64(s[8:])^w[1])|
					(binary.LittleEndian.Uint64(s[16:])^w[2])|(binary.LittleEndian.Uint64(s[24:])^w[3])|
					(binary.LittleEndian.Uint64(s[32:])^w[4]) != 0 {
					break
				}
				if string(b[body:wire]) != v.filler {
					r.spoiled(m, e)
				} else {
					each.Record(at - e.intended)
					if !c.touched {
						p.sent.Record(at - e.sent)
					}
				}
				if (e.publisher+e.seq)&p.spanMask == 0 {
					p.spans.heard(e, at)
				}
				m.begin(m.next)
				m.next++
				p.count.Deliveries++
				b = b[wire:]
				if int32(e.publisher) == mine {
					p.again(c)
				}
			}
		}
		op, payload, need := nextFrame(b)
		switch {
		case len(b) == 0, need > len(b):
			return b, true
		case need == 0:
			return b, false
		}
		b = b[need:]
		if !p.message(c, op, payload, at) {
			return nil, false
		}
	}
	return b, true
}

// decode is frames for a stream with fragments, or messages larger than a read.
func (p *poller) decode(c *conn, b []byte, at int64) bool {
	for len(b) > 0 {
		msg, rest, err := c.decoder.Next(&p.rules, b)
		if err != nil {
			p.refuse(c, err)
			return false
		}
		if msg.Op == ws.OpContinuation {
			return true
		}
		if !p.message(c, msg.Op, msg.Payload, at) {
			return false
		}
		b = rest
	}
	return true
}
