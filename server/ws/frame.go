package ws

import "encoding/binary"

// Opcode is the type of a frame (RFC 6455, 5.2).
type Opcode byte

const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

const (
	finBit    = 0x80
	rsvBits   = 0x70
	rsv1Bit   = 0x40 // of a compressed message (RFC 7692, 6)
	opcodeBit = 0x0F
	maskBit   = 0x80

	maxControlPayload = 125 // 5.5: control frames carry 125 bytes or less.
	maxHeader         = 14  // 2 + 8 for the length + 4 for the mask
)

func (op Opcode) isControl() bool { return op&0x8 != 0 }

func (op Opcode) isKnown() bool {
	return op <= OpBinary || op >= OpClose && op <= OpPong
}

// AppendFrame appends one unmasked frame, as a server sends it. All receivers may share the result. A nil dst is allocated with the exact
// size.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	if dst == nil {
		dst = make([]byte, 0, FrameSize(len(payload)))
	}
	return append(AppendHead(dst, op, len(payload)), payload...)
}

// AppendHead appends the head of an unmasked frame with a payload of n bytes.
func AppendHead(dst []byte, op Opcode, n int) []byte {
	return appendLength(append(dst, finBit|byte(op)), 0, n)
}

// AppendCompressedFrame is AppendFrame for the compressed form of a message (RFC 7692): the frame has RSV1.
func AppendCompressedFrame(dst []byte, op Opcode, compressed []byte) []byte {
	at := len(dst)
	dst = AppendFrame(dst, op, compressed)
	dst[at] |= rsv1Bit
	return dst
}

// IsCompressed reports whether a frame has RSV1.
func IsCompressed(frame []byte) bool { return frame[0]&rsv1Bit != 0 }

// ParseFrame returns the opcode and the payload of a frame that AppendFrame made. The payload shares the bytes of the frame.
func ParseFrame(frame []byte) (op Opcode, payload []byte) {
	op = Opcode(frame[0] & opcodeBit)
	switch frame[1] {
	case 126:
		return op, frame[4:]
	case 127:
		return op, frame[10:]
	}
	return op, frame[2:]
}

// FrameSize returns the length of an unmasked frame with a payload of n bytes.
func FrameSize(n int) int {
	switch {
	case n <= maxControlPayload:
		return 2 + n
	case n <= 0xFFFF:
		return 4 + n
	default:
		return 10 + n
	}
}

// AppendMaskedFrame appends one masked frame, as a client sends it (5.3). If the payload comes from a third party, the key must not be
// predictable.
func AppendMaskedFrame(dst []byte, op Opcode, key uint32, payload []byte) []byte {
	if dst == nil {
		dst = make([]byte, 0, FrameSize(len(payload))+4)
	}
	dst = append(dst, finBit|byte(op))
	dst = appendLength(dst, maskBit, len(payload))
	dst = binary.LittleEndian.AppendUint32(dst, key)
	start := len(dst)
	dst = append(dst, payload...)
	mask(dst[start:], key)
	return dst
}

// appendLength appends the shortest form of n, as 5.2 requires.
func appendLength(dst []byte, masked byte, n int) []byte {
	switch {
	case n <= maxControlPayload:
		return append(dst, masked|byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
}

// mask XORs b with the key (5.3; masking twice unmasks) and returns the key rotated for the byte after b. The first byte of the key on the
// wire is its lowest byte.
func mask(b []byte, key uint32) uint32 {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 32 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		binary.LittleEndian.PutUint64(b[8:], binary.LittleEndian.Uint64(b[8:])^wide)
		binary.LittleEndian.PutUint64(b[16:], binary.LittleEndian.Uint64(b[16:])^wide)
		binary.LittleEndian.PutUint64(b[24:], binary.LittleEndian.Uint64(b[24:])^wide)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key)
		key = key>>8 | key<<24
	}
	return key
}
