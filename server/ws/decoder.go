package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Rules are the limits that a Decoder enforces. Many decoders may share them. They are constant while a decoder uses them.
type Rules struct {
	MaxMessage    int  // bytes of a message, of all its fragments
	MaxCompressed int  // bytes of a compressed message, of all its fragments; 0: permessage-deflate is not negotiated
	MaxFragments  int  // frames of a message, with empty ones
	FromServer    bool // the peer is a server, whose frames must not be masked; those of a client must be masked
}

// Message is one complete message or one control frame. Payload is borrowed until the next call of the Decoder.
type Message struct {
	Op         Opcode
	Compressed bool // Payload must be inflated; a text is not checked yet
	Payload    []byte
	Frames     int // number of frames
}

// Decoder decodes the bytes of one peer into messages, whatever their division into reads. The zero value is ready to use. Between messages
// it has no other memory. It is not safe for concurrent use.
type Decoder struct {
	partial *partial // nil between messages
}

// partial is a message, or a part of the head of a frame, that is not complete.
type partial struct {
	head    [maxHeader]byte
	headLen int

	// The current frame, valid while inFrame.
	inFrame bool
	frame   header

	// The current message, valid while fragments > 0.
	op         Opcode
	compressed bool
	fragments  int
	data       []byte
	checked    int // bytes of data that are known to be complete UTF-8 characters

	control []byte // payload of a control frame that came in several reads
}

// partialSize is the approximate size of a partial without its payloads, in bytes.
const partialSize = 128

// Held returns the number of bytes that the Decoder holds of a message that is not complete, 0 between messages.
func (d *Decoder) Held() int {
	if d.partial == nil {
		return 0
	}
	return partialSize + cap(d.partial.data) + cap(d.partial.control)
}

type header struct {
	fin        bool
	compressed bool // RSV1: on the first frame of a message only
	op         Opcode
	key        uint32
	left       int // payload bytes that have not come
}

// Next decodes the first message of in. It returns the bytes after the message: call Next again with those. A Message with Op
// OpContinuation means that all bytes are used and the next message is not complete. Next unmasks in in place. in may be used again when
// the returned rest is empty and the Message has been handled.
//
// An error is always a *CloseError, to be sent to the peer. The Decoder must not be used after it.
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
				payload := in[:h.left:h.left] // an append to it does not change the next frame
				mask(payload, h.key)
				d.releaseIfIdle()
				if h.compressed {
					return Message{Op: h.op, Compressed: true, Payload: payload, Frames: 1}, in[h.left:], nil
				}
				return d.whole(h.op, payload, in[h.left:])
			}
			p = d.begin()
			p.inFrame, p.frame = true, h
			if h.op == OpText || h.op == OpBinary {
				p.op, p.compressed = h.op, h.compressed
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
			if p.op == OpText && !p.compressed && p.checked < len(p.data) {
				return Message{}, nil, errNotUTF8()
			}
			return Message{Op: p.op, Compressed: p.compressed, Payload: p.data, Frames: p.fragments}, in, nil
		}
		if len(in) == 0 {
			return Message{}, nil, nil
		}
	}
}

// whole returns a payload that came as a whole, after it has checked it.
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

// append adds unmasked bytes to the current message. It checks text as it comes, so that bytes that cannot become UTF-8 are rejected at once
// (Autobahn 6.4), and not at the end of the message.
func (p *partial) append(chunk []byte) error {
	p.data = append(p.data, chunk...)
	if p.op != OpText || p.compressed {
		return nil
	}
	var ok bool
	if p.checked, ok = CheckText(p.data, p.checked); !ok {
		return errNotUTF8()
	}
	return nil
}

// CheckText checks a text that is not complete. It returns how many of its bytes are complete UTF-8 characters, of which the first ones are known;
// ok is false if the text cannot become UTF-8.
func CheckText(b []byte, known int) (complete int, ok bool) {
	fresh := b[known:]
	whole := len(fresh) - unfinishedRune(fresh)
	return known + whole, utf8.Valid(fresh[:whole])
}

// unfinishedRune returns how many bytes at the end of b begin a character that may become valid: 0 to 3.
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

// header reads and checks the head of a frame. If more bytes are needed, it keeps those of in and returns ok = false.
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

// parse checks the head of a frame in the order of its bytes, and each fault before it needs another byte. So it finds the same one of two
// faults, whatever the division into reads. n is the length of the head, 0 if it is not complete.
func (d *Decoder) parse(rules *Rules, b []byte) (h header, n int, err error) {
	if len(b) == 0 {
		return h, 0, nil
	}
	h.fin = b[0]&finBit != 0
	h.op = Opcode(b[0] & opcodeBit)
	h.compressed = rules.MaxCompressed > 0 && b[0]&rsvBits == rsv1Bit && (h.op == OpText || h.op == OpBinary) // RFC 7692, 6
	switch {
	case b[0]&rsvBits != 0 && !h.compressed:
		return h, 0, protocolError("reserved bit set without an extension") // 5.2
	case !h.op.isKnown():
		return h, 0, protocolError("reserved opcode") // 5.2
	case h.op.isControl() && !h.fin:
		return h, 0, protocolError("fragmented control frame") // 5.5
	}
	most := maxControlPayload
	if !h.op.isControl() {
		if most, err = d.admit(rules, h); err != nil {
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
	// Compared before it is converted or added, since both could overflow.
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

// admit checks a data frame against the current message (5.4), and returns how many bytes may be added to that.
func (d *Decoder) admit(rules *Rules, h header) (most int, err error) {
	op, compressed := h.op, h.compressed
	var begun, size int
	if p := d.partial; p != nil {
		begun, size = p.fragments, len(p.data)
		compressed = compressed || begun > 0 && p.compressed
	}
	switch {
	case op == OpContinuation && begun == 0:
		return 0, protocolError("continuation frame without a message")
	case op != OpContinuation && begun > 0:
		return 0, protocolError("new message before the last fragment")
	case begun+1 > rules.MaxFragments:
		return 0, &CloseError{Code: ClosePolicy, Reason: "message in too many fragments"}
	}
	if compressed {
		return max(rules.MaxCompressed-size, 0), nil // below 0 if the limit was lowered meanwhile
	}
	return max(rules.MaxMessage-size, 0), nil
}

func (d *Decoder) begin() *partial {
	if d.partial == nil {
		d.partial = &partial{}
	}
	return d.partial
}

// releaseIfIdle frees the partial between messages.
func (d *Decoder) releaseIfIdle() {
	if p := d.partial; p != nil && p.fragments == 0 && !p.inFrame {
		d.partial = nil
	}
}
