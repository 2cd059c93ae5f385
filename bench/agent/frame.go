package agent

import (
	"encoding/binary"
	"errors"

	"github.com/throng-chat/throng/bench/inflate"
	"github.com/throng-chat/throng/server/ws"
)

// frame is a whole frame with a whole message.
type frame struct {
	op         ws.Opcode
	compressed bool
	payload    []byte
}

// nextFrame reads the first frame of b without a copy. It supports only the common kind of frame: unfragmented, unmasked, in its shortest
// form, and no larger than a read. It may be compressed if deflate is set. need is the length of the frame in bytes. If need exceeds len(b), the rest of the frame has not arrived.
// need is 0 for any other frame: then the full decoder must read the stream from here on, and reject what is invalid.
func nextFrame(b []byte, deflate bool) (f frame, need int) {
	if len(b) < 2 {
		return f, 2
	}
	head, length := 2, int(b[1])
	switch {
	case length == 126:
		if len(b) < 4 {
			return f, 4
		}
		if head, length = 4, int(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return f, 0
		}
	case length > 126: // a 64-bit length, or masked
		return f, 0
	}
	switch b[0] {
	case fin | byte(ws.OpText), fin | byte(ws.OpBinary):
	case fin | rsv1 | byte(ws.OpText), fin | rsv1 | byte(ws.OpBinary):
		if !deflate {
			return f, 0
		}
	case fin | byte(ws.OpPing), fin | byte(ws.OpPong), fin | byte(ws.OpClose):
		if head != 2 {
			return f, 0
		}
	default:
		return f, 0
	}
	need = head + length
	switch {
	case need > readBuffer/2: // it may not fit behind the rest of the previous read
		return f, 0
	case need > len(b):
		return f, need
	}
	return frame{op: ws.Opcode(b[0] &^ (fin | rsv1)), compressed: b[0]&rsv1 != 0, payload: b[head:need]}, need
}

const (
	fin  = 0x80
	rsv1 = 0x40
)

// frame processes a message or a control frame. It returns false if c has ended.
func (p *poller) frame(c *conn, f frame, at int64) bool {
	if f.op != ws.OpText && f.op != ws.OpBinary {
		return p.message(c, f.op, f.payload, at)
	}
	p.count.Texts++
	p.count.Payload += uint64(len(f.payload))
	if f.compressed {
		p.count.Compressed++
		var err error
		if f.payload, err = p.inflate(c, f.payload); err != nil {
			p.reject(c, err)
			return false
		}
	}
	p.count.Text += uint64(len(f.payload))
	return p.message(c, f.op, f.payload, at)
}

// inflate returns the text of a compressed message. It is valid until the next call.
func (p *poller) inflate(c *conn, payload []byte) (text []byte, err error) {
	if p.inflater == nil {
		p.inflater = inflate.New(maxMessage)
	}
	if c.deflation == following {
		text, c.window, err = p.inflater.Following(payload, c.window)
	} else {
		text, err = p.inflater.Alone(payload)
	}
	switch {
	case errors.Is(err, inflate.ErrTooBig):
		return nil, &ws.CloseError{Code: ws.CloseTooBig, Reason: err.Error()}
	case err != nil:
		return nil, &ws.CloseError{Code: ws.CloseInvalidData, Reason: err.Error()}
	}
	return text, nil
}

// rulesOf returns the rules of c's decoder.
func (p *poller) rulesOf(c *conn) *ws.Rules {
	if c.deflation == uncompressed {
		return &p.rules
	}
	return &p.deflateRules
}
