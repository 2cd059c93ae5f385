package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/server/ws"
)

// poller reads a share of the connections on one of nbio's goroutines. Its lock is taken once a read, so that the ticks and
// the end of the run can look at what it counts.
type poller struct {
	proof    *proof
	protocol *Protocol
	mark     []byte // how a message begins
	headLen  int    // bytes before the payload in a frame with one of our messages
	headWord uint32 // those bytes, where they are 2 or 4; a larger frame does not fit into a read
	headMask uint32
	spanMask uint32
	rules    ws.Rules
	again    func(*conn) // of a closed loop: a publisher has its own message back; nil in the open loop

	mu       sync.Mutex
	each     histogram.Histogram // deliveries from the intended moment, to members that were never killed
	sent     histogram.Histogram // the same deliveries, from the send
	touched  histogram.Histogram // deliveries from the intended moment, to the others
	ping     histogram.Histogram
	loopLag  histogram.Histogram
	spans    spanTable
	count    Tally
	closes   map[string]int // connections ended by the other side, by why
	cut      histogram.Histogram
	cuts     map[string]int // of those that had stopped reading
	finished bool           // the run is over: connections may end
}

// Tally is what pollers count.
type Tally struct {
	Deliveries uint64 `json:"deliveries"` // of our messages, duplicates too
	Foreign    uint64 `json:"foreign"`    // messages that are not ours
	Reads      uint64 `json:"reads"`
	Bytes      uint64 `json:"bytes"`
	Pings      uint64 `json:"pings"`
	BadFrames  uint64 `json:"bad_frames"` // connections closed for breaking RFC 6455
	Closed     int    `json:"closed"`
	Cut        int    `json:"cut"`       // closed by the server after they stopped reading
	Opened     int    `json:"opened"`    // connections that became members, again or for the first time
	Left       int    `json:"left"`      // that left, or were killed, as planned
	Resumed    int    `json:"resumed"`   // that came back and asked for what they had missed
	Missed     int    `json:"missed"`    // of those, told that not all of it is left
	Recovered  uint64 `json:"recovered"` // deliveries that they were given for it
}

// Add adds another's.
func (t *Tally) Add(other Tally) {
	t.Deliveries += other.Deliveries
	t.Foreign += other.Foreign
	t.Reads += other.Reads
	t.Bytes += other.Bytes
	t.Pings += other.Pings
	t.BadFrames += other.BadFrames
	t.Closed += other.Closed
	t.Cut += other.Cut
	t.Opened += other.Opened
	t.Left += other.Left
	t.Resumed += other.Resumed
	t.Missed += other.Missed
	t.Recovered += other.Recovered
}

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
		n, err := readNow(c.nc, buf[kept:])
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
			return
		}
		if p.protocol.Resume != nil && h.steps == len(steps)-1 {
			if err := p.joined(c, text); err != nil {
				p.opened(c, err, at)
				return
			}
		}
		h.steps++
	}
	for h.steps < len(steps) {
		if s := steps[h.steps]; s.Send != "" {
			p.write(c, ws.OpText, []byte(p.ask(c, h.steps)))
		}
		if steps[h.steps].Expect != "" {
			return
		}
		h.steps++
	}
	p.opened(c, nil, at)
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
				m.next++
				m.begun = true
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

// message takes one whole message or control frame. It is false when c is at its end.
func (p *poller) message(c *conn, op ws.Opcode, payload []byte, at int64) bool {
	switch op {
	case ws.OpText:
		return p.text(c, payload, at)
	case ws.OpBinary:
		p.count.Foreign++
	case ws.OpPing:
		p.count.Pings++
		p.write(c, ws.OpPong, payload)
	case ws.OpPong:
		if len(payload) == 8 {
			p.ping.Record(at - int64(binary.BigEndian.Uint64(payload)))
		}
	case ws.OpClose:
		code, reason, err := ws.ParseClose(payload)
		if err != nil {
			p.refuse(c, err)
			return false
		}
		if c.handshake != nil {
			p.opened(c, &refusedError{describeClose(code, reason)}, at)
			return false
		}
		p.lost(c, describeClose(code, reason), closing)
		p.write(c, ws.OpClose, ws.ClosePayload(code, ""))
	}
	return true
}

// text takes one text message.
func (p *poller) text(c *conn, text []byte, at int64) bool {
	if p.protocol.pinged(text) { // at any time: one that has not joined yet is waited for as well
		p.count.Pings++
		if p.protocol.Pong != "" {
			p.write(c, ws.OpText, []byte(p.protocol.Pong))
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
				p.refuse(c, &ws.CloseError{Code: ws.CloseInvalidData, Reason: "text is not UTF-8"})
				return false
			}
			p.count.Foreign++
		}
		return true
	}
	if joins && c.position != nil {
		var answer []byte
		answer, text = p.answer(text)
		p.messages(c, answer, at, true)
	}
	p.messages(c, text, at, false)
	return true
}

// messages takes the messages that are somewhere in text.
func (p *poller) messages(c *conn, text []byte, at int64, missed bool) {
	some := false
	for {
		i := bytes.Index(text, p.mark)
		if i < 0 {
			break
		}
		end := min(i+p.proof.size, len(text))
		if p.receive(c, text[i:end], at, missed) == foreign {
			p.count.Foreign++
		}
		text, some = text[end:], true
	}
	if some && c.position != nil {
		if offset, ok := p.protocol.Resume.firstOffset(text); ok {
			c.position.offset = offset
		}
	}
}

// receive takes one message of ours, or one that only seems to be. How old one is that was missed is no latency.
func (p *poller) receive(c *conn, body []byte, at int64, missed bool) verdict {
	m := &c.member
	s, is := c.room.receive(m, body)
	switch {
	case is == foreign:
		return is
	case is == fresh && missed:
		p.count.Recovered++
	case is == fresh:
		if c.touched {
			p.touched.Record(at - s.intended)
		} else {
			p.each.Record(at - s.intended)
			p.sent.Record(at - s.intended - s.lag)
		}
		if (s.publisher+s.seq)&p.spanMask == 0 {
			p.spans.heard(&entry{publisher: s.publisher, seq: s.seq, intended: s.intended}, at)
		}
		if p.again != nil && int32(s.publisher) == m.publisher {
			p.again(c)
		}
	}
	p.count.Deliveries++
	return is
}

// refuse closes c, as what its server sent is not RFC 6455.
func (p *poller) refuse(c *conn, why error) {
	p.count.BadFrames++
	code := ws.CloseProtocolError
	if e := (*ws.CloseError)(nil); errors.As(why, &e) {
		code = e.Code
	}
	p.lost(c, fmt.Sprintf("bad frame: %v", why), closed)
	p.write(c, ws.OpClose, ws.ClosePayload(code, ""))
	_ = c.nc.Close() // it was counted
}

// write sends a control frame. A server that takes none is closed by nbio, and that is counted in onClose.
func (p *poller) write(c *conn, op ws.Opcode, payload []byte) {
	_, _ = c.nc.Write(ws.AppendMaskedFrame(nil, op, controlMask, payload))
}

// controlMask need not be a secret: the payload is the server's own.
const controlMask = 0x5A3C96E1

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
		h.result <- endOf(why, "closed during the handshake")
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
	return fmt.Sprintf("close %d %s", code, reason)
}
