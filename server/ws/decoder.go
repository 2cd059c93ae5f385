package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Rules are the limits a Decoder holds its peer to. One value serves many decoders; it must not change while they run.
type Rules struct {
	MaxMessage   int  // bytes of a message, its fragments together
	MaxFragments int  // frames of a message, empty ones counted
	FromServer   bool // the peer is a server: its frames must not be masked. Otherwise they must be.
}

// Message is one whole message or one control frame. Payload is on loan until the Decoder is called again.
type Message struct {
	Op      Opcode
	Payload []byte
	Frames  int // how many frames it came in
}

// Decoder turns the bytes of one peer into messages, however the network cut them. The zero value is ready. An idle one
// holds no memory but itself. It is not safe for concurrent use.
type Decoder struct {
	partial *partial // nil between messages
}

// partial is a message, or only the head of a frame, that has begun and not ended.
type partial struct {
	head    [maxHeader]byte
	headLen int

	// The frame under way, valid while inFrame.
	inFrame bool
	frame   header

	// The message under way, valid while fragments > 0.
	op        Opcode
	fragments int
	data      []byte
	checked   int // bytes of data known to be whole UTF-8 characters

	control []byte // payload of a control frame that came in pieces
}

// partialSize is about what a partial takes without its payloads.
const partialSize = 128

// Held is how many bytes the Decoder keeps of a message that has begun and not ended. It is 0 between messages.
func (d *Decoder) Held() int {
	if d.partial == nil {
		return 0
	}
	return partialSize + cap(d.partial.data) + cap(d.partial.control)
}

type header struct {
	fin  bool
	op   Opcode
	key  uint32
	left int // payload bytes still to come
}

// Next takes the first message out of in. It returns the bytes behind it; call it again with those. A Message with Op
// OpContinuation means: all bytes are used, and the next message is not complete. in is unmasked in place and may be
// reused when the returned rest is empty and the Message has been dealt with.
//
// An error is always a *CloseError, to be sent to the peer; the Decoder must not be used after it.
func (d *Decoder) Next(rules *Rules, in []byte) (Message, []byte, error) {
	for {
		p := d.partial
		if p == nil || !p.inFrame {
			h, rest, ok, err := d.header(rules, in)
			if err != nil || !ok {
				return Message{}, nil, err
			}
			in = rest
			// The common case: a whole message in one frame in one read needs no copy.
			if h.fin && h.op != OpContinuation && h.left <= len(in) {
				payload := in[:h.left:h.left] // whoever appends to it does not reach the next frame
				mask(payload, h.key)
				d.releaseIfIdle()
				return d.whole(h.op, payload, in[h.left:])
			}
			p = d.begin()
			p.inFrame, p.frame = true, h
			if h.op == OpText || h.op == OpBinary {
				p.op = h.op
			}
			if !h.op.isControl() {
				p.fragments++
			}
		}

		n := min(p.frame.left, len(in))
		chunk := in[:n]
		in = in[n:]
		p.frame.key = mask(chunk, p.frame.key)
		p.frame.left -= n
		if p.frame.op.isControl() {
			p.control = append(p.control, chunk...)
		} else if err := p.append(chunk); err != nil {
			return Message{}, nil, err
		}
		if p.frame.left > 0 {
			return Message{}, nil, nil
		}
		p.inFrame = false
		if p.frame.op.isControl() {
			payload := p.control
			p.control = nil
			d.releaseIfIdle()
			return d.whole(p.frame.op, payload, in)
		}
		if p.frame.fin {
			d.partial = nil
			if p.op == OpText && p.checked < len(p.data) {
				return Message{}, nil, errNotUTF8()
			}
			return Message{Op: p.op, Payload: p.data, Frames: p.fragments}, in, nil
		}
		if len(in) == 0 {
			return Message{}, nil, nil
		}
	}
}

// whole hands out a payload that arrived complete.
func (d *Decoder) whole(op Opcode, payload, rest []byte) (Message, []byte, error) {
	switch op {
	case OpText:
		if !utf8.Valid(payload) {
			return Message{}, nil, errNotUTF8()
		}
	case OpClose:
		if _, _, err := ParseClose(payload); err != nil {
			return Message{}, nil, err
		}
	}
	return Message{Op: op, Payload: payload, Frames: 1}, rest, nil
}

func errNotUTF8() error {
	return &CloseError{Code: CloseInvalidData, Reason: "text is not UTF-8"}
}

// append adds unmasked bytes to the message under way. Text is checked as it comes, so that what can never become UTF-8
// is refused at once (Autobahn 6.4), not at the end of the message.
func (p *partial) append(chunk []byte) error {
	p.data = append(p.data, chunk...)
	if p.op != OpText {
		return nil
	}
	fresh := p.data[p.checked:]
	whole := len(fresh) - unfinishedRune(fresh)
	if !utf8.Valid(fresh[:whole]) {
		return errNotUTF8()
	}
	p.checked += whole
	return nil
}

// unfinishedRune is how many bytes at the end of b begin a character that may still become valid: 0 to 3.
func unfinishedRune(b []byte) int {
	for n := 1; n <= 3 && n <= len(b); n++ {
		if utf8.RuneStart(b[len(b)-n]) {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// header reads and checks the head of a frame. ok is false when more bytes are needed; then they are kept.
func (d *Decoder) header(rules *Rules, in []byte) (h header, rest []byte, ok bool, err error) {
	head := in
	kept := 0
	if d.partial != nil && d.partial.headLen > 0 {
		p := d.partial
		kept = p.headLen
		p.headLen += copy(p.head[kept:], in)
		head = p.head[:p.headLen]
	}
	h, n, err := d.parse(rules, head)
	if err != nil {
		return header{}, nil, false, err
	}
	if n == 0 {
		if kept == 0 && len(in) > 0 {
			p := d.begin()
			p.headLen = copy(p.head[:], in)
		}
		return header{}, nil, false, nil
	}
	if d.partial != nil {
		d.partial.headLen = 0
	}
	return h, in[n-kept:], true, nil
}

// parse checks a frame's head in the order of its bytes, so that of two faults the same one is found however the head was
// cut, and before a byte more is needed. n is the head's length, 0 when it is not whole.
func (d *Decoder) parse(rules *Rules, b []byte) (h header, n int, err error) {
	if len(b) == 0 {
		return h, 0, nil
	}
	h.fin = b[0]&finBit != 0
	h.op = Opcode(b[0] & opcodeBit)
	switch {
	case b[0]&rsvBits != 0:
		return h, 0, protocolError("reserved bit set without an extension") // 5.2
	case !h.op.isKnown():
		return h, 0, protocolError("reserved opcode") // 5.2
	case h.op.isControl() && !h.fin:
		return h, 0, protocolError("fragmented control frame") // 5.5
	}
	most := maxControlPayload
	if !h.op.isControl() {
		if most, err = d.admit(rules, h.op); err != nil {
			return h, 0, err
		}
	}
	if len(b) < 2 {
		return h, 0, nil
	}
	masked := b[1]&maskBit != 0
	switch {
	case rules.FromServer && masked:
		return h, 0, protocolError("masked frame from a server") // 5.1
	case !rules.FromServer && !masked:
		return h, 0, protocolError("frame not masked") // 5.1
	}
	length := uint64(b[1] &^ maskBit)
	n = 2
	switch {
	case h.op.isControl() && length > maxControlPayload:
		return h, 0, protocolError("control frame over 125 bytes") // 5.5
	case length == 126:
		if len(b) < 4 {
			return h, 0, nil
		}
		n, length = 4, uint64(binary.BigEndian.Uint16(b[2:]))
		if length <= maxControlPayload {
			return h, 0, protocolError("length not in its shortest form") // 5.2
		}
	case length == 127:
		if len(b) < 10 {
			return h, 0, nil
		}
		n, length = 10, binary.BigEndian.Uint64(b[2:])
		if length <= 0xFFFF {
			return h, 0, protocolError("length not in its shortest form") // 5.2
		}
		if length>>63 != 0 {
			return h, 0, protocolError("length over 63 bits") // 5.2
		}
	}
	// Compared before it becomes an int or is added to anything.
	if length > uint64(most) {
		return h, 0, errTooBig()
	}
	h.left = int(length)
	if masked {
		if len(b) < n+4 {
			return h, 0, nil
		}
		h.key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	return h, n, nil
}

func errTooBig() error {
	return &CloseError{Code: CloseTooBig, Reason: "message too big"}
}

// admit checks a data frame against the message under way (5.4), and says how many bytes that may still grow by.
func (d *Decoder) admit(rules *Rules, op Opcode) (most int, err error) {
	var begun, size int
	if p := d.partial; p != nil {
		begun, size = p.fragments, len(p.data)
	}
	switch {
	case op == OpContinuation && begun == 0:
		return 0, protocolError("continuation of nothing")
	case op != OpContinuation && begun > 0:
		return 0, protocolError("new message inside a fragmented one")
	case begun+1 > rules.MaxFragments:
		return 0, &CloseError{Code: ClosePolicy, Reason: "message in too many fragments"}
	}
	return rules.MaxMessage - size, nil
}

func (d *Decoder) begin() *partial {
	if d.partial == nil {
		d.partial = &partial{}
	}
	return d.partial
}

// releaseIfIdle gives the partial's memory back when nothing is under way.
func (d *Decoder) releaseIfIdle() {
	if p := d.partial; p != nil && p.fragments == 0 && !p.inFrame {
		d.partial = nil
	}
}
