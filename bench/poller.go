package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/ws"
)

// poller reads a share of the connections on one of nbio's goroutines. Its lock is taken once a read, so that the progress
// and the end of the run can look at what it counts.
type poller struct {
	verifier *verifier
	headLen  int    // bytes before the payload in a frame with one of our messages
	headWord uint32 // those bytes, where they are 2 or 4; a larger frame does not fit into a read
	headMask uint32
	rules    ws.Rules

	mu       sync.Mutex
	latency  histogram // of measured deliveries
	count    tally
	closes   map[string]int // connections ended by the other side, by why
	finished bool           // the run is over: connections may end
}

// tally is what a poller counts.
type tally struct {
	deliveries uint64 // of our messages, duplicates too
	foreign    uint64 // messages that are not ours
	reads      uint64
	bytes      uint64
	pings      uint64
	badFrames  uint64 // connections closed for breaking RFC 6455
	closed     int
}

func (t *tally) add(other tally) {
	t.deliveries += other.deliveries
	t.foreign += other.foreign
	t.reads += other.reads
	t.bytes += other.bytes
	t.pings += other.pings
	t.badFrames += other.badFrames
	t.closed += other.closed
}

func newPoller(v *verifier) *poller {
	head := ws.AppendFrame(nil, ws.OpText, make([]byte, v.size))
	p := &poller{
		verifier: v,
		headLen:  len(head) - v.size,
		headWord: binary.LittleEndian.Uint32(head),
		headMask: math.MaxUint32,
		rules:    ws.Rules{MaxMessage: maxMessage, MaxFragments: maxFragments, FromServer: true},
		closes:   map[string]int{},
	}
	if p.headLen == 2 {
		p.headMask = math.MaxUint16
		p.headWord &= p.headMask
	}
	return p
}

// readsPerTurn is how often one connection is read before the others have their turn. It is more than a socket's buffer
// can hold: nbio closes a connection whose peer has ended it, and what is then unread is lost.
const readsPerTurn = 256

// onRead is called on the poller's goroutine when c's socket has bytes. buf is the poller's own.
func (p *poller) onRead(c *conn, buf []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range readsPerTurn {
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
		p.count.reads++
		p.count.bytes += uint64(n)
		if !p.onBytes(c, buf[:kept+n], now()) || kept+n < len(buf) {
			return
		}
	}
}

// onBytes takes what was read of c, what was kept from the last read in front. It is false when c is at its end.
func (p *poller) onBytes(c *conn, b []byte, at int64) bool {
	if c.handshake != nil {
		rest, done, err := c.handshake.feed(b)
		if !done {
			return true
		}
		h := c.handshake
		c.handshake = nil
		if err == nil {
			c.state = open
		} else {
			c.state = closed
			_ = c.nc.Close() // it never was a connection
		}
		h.result <- err
		if err != nil {
			return false
		}
		b = rest
	}
	if c.state == closed {
		return false
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
// and one record.
func (p *poller) frames(c *conn, b []byte, at int64) (rest []byte, whole bool) {
	v, m := p.verifier, &c.member
	measureFrom := v.measureFrom.Load()
	logged := v.log.length.Load()
	body := p.headLen + StampSize
	wire := p.headLen + v.size
	for len(b) > 0 {
		for len(b) >= wire && m.next < logged && binary.LittleEndian.Uint32(b)&p.headMask == p.headWord {
			e := v.log.at(m.next)
			if e == nil {
				break
			}
			// By hand, as a function of it would not be inlined; and without a branch for each word.
			s, w := b[body-StampSize:body], &e.words
			if (binary.LittleEndian.Uint64(s)^w[0])|(binary.LittleEndian.Uint64(s[8:])^w[1])|
				(binary.LittleEndian.Uint64(s[16:])^w[2])|(binary.LittleEndian.Uint64(s[24:])^w[3])|
				(binary.LittleEndian.Uint64(s[32:])^w[4])|(binary.LittleEndian.Uint64(s[40:])^w[5]) != 0 {
				break
			}
			if string(b[body:wire]) != v.filler {
				v.spoiled(m, e)
			} else if e.intended >= measureFrom {
				p.latency.record(at - e.intended)
			}
			m.next++
			m.begun = true
			p.count.deliveries++
			b = b[wire:]
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
		logged = v.log.length.Load()
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
		intended, is := p.verifier.receive(&c.member, payload)
		switch is {
		case foreign:
			if !utf8.Valid(payload) {
				p.refuse(c, &ws.CloseError{Code: ws.CloseInvalidData, Reason: "text is not UTF-8"})
				return false
			}
			p.count.foreign++
			return true
		case fresh:
			if intended >= p.verifier.measureFrom.Load() {
				p.latency.record(at - intended)
			}
		}
		p.count.deliveries++
	case ws.OpBinary:
		p.count.foreign++
	case ws.OpPing:
		p.count.pings++
		p.write(c, ws.OpPong, payload)
	case ws.OpClose:
		code, reason, err := ws.ParseClose(payload)
		if err != nil {
			p.refuse(c, err)
			return false
		}
		p.lost(c, describeClose(code, reason), closing)
		p.write(c, ws.OpClose, ws.ClosePayload(code, ""))
	}
	return true
}

// refuse closes c, as what its server sent is not RFC 6455.
func (p *poller) refuse(c *conn, why error) {
	p.count.badFrames++
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
	if c.state == open && !p.finished {
		p.count.closed++
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
