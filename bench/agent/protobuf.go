package agent

import (
	"encoding/binary"
	"strings"

	"github.com/throng-chat/throng/server/ws"
)

// The marks in the texts of a binary protocol, around what stands behind its own length.
const (
	lengthBegin = "{{(}}"
	lengthEnd   = "{{)}}"
)

// withLengths replaces each pair of marks by the length of the text between them, as a varint of Protobuf. Pairs may be nested.
func withLengths(text string) string {
	for {
		before, after, ok := strings.Cut(text, lengthEnd)
		at := strings.LastIndex(before, lengthBegin)
		if !ok || at < 0 {
			return text
		}
		inner := before[at+len(lengthBegin):]
		text = before[:at] + string(binary.AppendUvarint(nil, uint64(len(inner)))) + inner + after
	}
}

// op returns the opcode of the protocol's messages.
func (pr *Protocol) op() ws.Opcode {
	if pr.Binary {
		return ws.OpBinary
	}
	return ws.OpText
}

// cutMessage splits b behind its first message, which stands behind its length. It returns false if b has no complete message.
func cutMessage(b []byte) (message, rest []byte, ok bool) {
	n, head := binary.Uvarint(b)
	if head <= 0 || n > uint64(len(b)-head) {
		return nil, nil, false
	}
	end := head + int(n)
	return b[head:end], b[end:], true
}

// hasEmptyMessage reports whether one of the messages in b, each behind its length, is empty: the server's ping.
func hasEmptyMessage(b []byte) bool {
	for {
		message, rest, ok := cutMessage(b)
		if !ok {
			return false
		}
		if len(message) == 0 {
			return true
		}
		b = rest
	}
}

// field is a field of a Protobuf message: a number, or bytes.
type field struct {
	key    uint64 // the number of the field
	number uint64
	bytes  []byte
}

// cutField splits a Protobuf message behind its first field. It returns false at the end, and for a field of fixed size, which the messages of
// the protocol do not have.
func cutField(b []byte) (f field, rest []byte, ok bool) {
	key, head := binary.Uvarint(b)
	if head <= 0 {
		return f, nil, false
	}
	f.key, b = key>>3, b[head:]
	switch key & 7 {
	case 0:
		number, n := binary.Uvarint(b)
		if n <= 0 {
			return f, nil, false
		}
		f.number = number
		return f, b[n:], true
	case 2:
		f.bytes, rest, ok = cutMessage(b)
		return f, rest, ok
	}
	return f, nil, false
}

// lastField returns the last field of a Protobuf message with that number, and false if the message has none.
func lastField(b []byte, key uint64) (last field, found bool) {
	for {
		f, rest, ok := cutField(b)
		if !ok {
			return last, found
		}
		if f.key == key {
			last, found = f, true
		}
		b = rest
	}
}
