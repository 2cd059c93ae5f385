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

// hasEmptyMessage reports whether one of the messages in b, each behind its length, is empty: the server's ping.
func hasEmptyMessage(b []byte) bool {
	for len(b) > 0 {
		n, head := binary.Uvarint(b)
		switch {
		case head <= 0:
			return false
		case n == 0:
			return true
		case n > uint64(len(b)-head):
			return false
		}
		b = b[head+int(n):]
	}
	return false
}
