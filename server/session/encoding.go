package session

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// Encoding is a format for the members of a room. A publication is encoded once for each encoding with members, and shared by them. It is the
// fanout.Format of the same number.
type Encoding uint8

const (
	PlainEncoding         Encoding = iota // unchanged data, for plain clients
	JSONEncoding                          // SDK protocol in JSON
	ProtobufEncoding                      // SDK protocol in Protobuf
	jsonDeltaEncoding                     // JSON with deltas between publications
	protobufDeltaEncoding                 // Protobuf with deltas
	Encodings

	// jsonFullEncoding is a full publication for a member of jsonDeltaEncoding. No topic has it.
	jsonFullEncoding = Encodings
)

// isJSON reports whether the encoding is one of JSON.
func (e Encoding) isJSON() bool { return e != PlainEncoding && !e.isProtobuf() }

func (e Encoding) isProtobuf() bool {
	return e == ProtobufEncoding || e == protobufDeltaEncoding || e == ProtobufStream
}

// quotesData reports whether data is a JSON string: that of clients with deltas is.
func (e Encoding) quotesData() bool { return e == jsonDeltaEncoding || e == jsonFullEncoding }

func (e Encoding) withDelta() bool { return e == jsonDeltaEncoding || e == protobufDeltaEncoding }

// opcode returns the opcode of frames in this encoding.
func (e Encoding) opcode() ws.Opcode {
	if e.isJSON() {
		return ws.OpText
	}
	return ws.OpBinary
}

// SessionPings has the ping frame of each encoding: an empty reply.
var SessionPings = [Encodings]([]byte){
	JSONEncoding:     fanout.EncodeFrame(ws.OpText, []byte("{}")),
	ProtobufEncoding: fanout.EncodeFrame(ws.OpBinary, []byte{0}),
}

// appendReplies appends one frame with all replies: JSON one per line, Protobuf each after its length. scratch is memory for the payload; it is
// returned for the next call.
func appendReplies(dst, scratch []byte, e Encoding, replies []*protocol.Reply) (frame, spent []byte) {
	if e.IsStream() {
		return appendStreamReplies(dst, scratch, e, replies)
	}
	payload := scratch[:0]
	for i, r := range replies {
		if e.isJSON() {
			if i > 0 {
				payload = append(payload, '\n')
			}
			payload = r.AppendJSON(payload)
			continue
		}
		payload = appendProtobuf(binary.AppendUvarint(payload, uint64(r.SizeCF())), r)
	}
	return ws.AppendFrame(dst, e.opcode(), payload), payload
}

// encodeReply returns a frame with one reply.
func encodeReply(e Encoding, r *protocol.Reply) []byte {
	frame, _ := appendReplies(nil, nil, e, []*protocol.Reply{r})
	return frame
}

// appendProtobuf appends an encoded message.
func appendProtobuf(b []byte, m interface {
	SizeCF() int
	MarshalToSizedBufferCF([]byte) (int, error)
}) []byte {
	size, at := m.SizeCF(), len(b)
	b = append(b, make([]byte, size)...)
	if n, err := m.MarshalToSizedBufferCF(b[at:]); err != nil || n != size {
		panic(fmt.Sprintf("message of %d bytes encoded as %d: %v", size, n, err))
	}
	return b
}

// AsJSON returns data for both encodings: data that is not JSON becomes a base64 string.
func AsJSON(data []byte) []byte {
	if len(data) == 0 || utf8.Valid(data) && cfjson.Valid(data) {
		return chat.Compact(data)
	}
	return chat.Compact(cfjson.AppendString(nil, base64.StdEncoding.EncodeToString(data)))
}
