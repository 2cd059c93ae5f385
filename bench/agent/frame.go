package agent

import (
	"encoding/binary"

	"github.com/throng-chat/throng/server/ws"
)

// nextFrame reads the first frame of b without a copy. It supports only the common kind of frame: unfragmented, unmasked, in its shortest
// form, and no larger than a read. need is the length of the frame in bytes. If need exceeds len(b), the rest of the frame has not arrived.
// need is 0 for any other frame: then the full decoder must read the stream from here on, and reject what is invalid.
func nextFrame(b []byte) (op ws.Opcode, payload []byte, need int) {
	if len(b) < 2 {
		return 0, nil, 2
	}
	head, length := 2, int(b[1])
	switch {
	case length == 126:
		if len(b) < 4 {
			return 0, nil, 4
		}
		if head, length = 4, int(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return 0, nil, 0
		}
	case length > 126: // a 64-bit length, or masked
		return 0, nil, 0
	}
	switch b[0] {
	case fin | byte(ws.OpText), fin | byte(ws.OpBinary):
	case fin | byte(ws.OpPing), fin | byte(ws.OpPong), fin | byte(ws.OpClose):
		if head != 2 {
			return 0, nil, 0
		}
	default:
		return 0, nil, 0
	}
	need = head + length
	switch {
	case need > readBuffer/2: // it may not fit behind the rest of the previous read
		return 0, nil, 0
	case need > len(b):
		return 0, nil, need
	}
	return ws.Opcode(b[0] &^ fin), b[head:need], need
}

const fin = 0x80
