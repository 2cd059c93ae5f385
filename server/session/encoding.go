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

// Encoding is how a member hears its room. What is said is encoded once for each encoding that has a member, and shared.
type Encoding uint8

const (
	PlainEncoding         Encoding = iota // what was said, as it was said
	JsonEncoding                          // pushes of the SDK protocol
	ProtobufEncoding                      // the same
	JsonDeltaEncoding                     // the same, what is new of each publication against the one before
	ProtobufDeltaEncoding                 // the same
	Encodings

	// jsonFullEncoding is the first publication that a member of jsonDeltaEncoding hears. No topic has it.
	jsonFullEncoding = Encodings
)

func (e Encoding) IsJSON() bool {
	return e == JsonEncoding || e == JsonDeltaEncoding || e == jsonFullEncoding
}

func (e Encoding) withDelta() bool { return e == JsonDeltaEncoding || e == ProtobufDeltaEncoding }

// Opcode is of the frames that carry this encoding.
func (e Encoding) Opcode() ws.Opcode {
	if e.IsJSON() {
		return ws.OpText
	}
	return ws.OpBinary
}

// SessionPings are the server's ping of each encoding: an empty reply.
var SessionPings = [Encodings]([]byte){
	JsonEncoding:     fanout.EncodeFrame(ws.OpText, []byte("{}")),
	ProtobufEncoding: fanout.EncodeFrame(ws.OpBinary, []byte{0}),
}

// appendReplies appends one frame with all the replies: JSON has one a line, Protobuf each behind its length. scratch is
// for the payload; it is returned for the next time.
func appendReplies(dst, scratch []byte, e Encoding, replies []*protocol.Reply) (frame, spent []byte) {
	payload := scratch[:0]
	for i, r := range replies {
		if e.IsJSON() {
			if i > 0 {
				payload = append(payload, '\n')
			}
			payload = r.AppendJSON(payload)
			continue
		}
		payload = appendProtobuf(binary.AppendUvarint(payload, uint64(r.SizeCF())), r)
	}
	return ws.AppendFrame(dst, e.Opcode(), payload), payload
}

// encodeReply makes one frame of one reply.
func encodeReply(e Encoding, r *protocol.Reply) []byte {
	frame, _ := appendReplies(nil, nil, e, []*protocol.Reply{r})
	return frame
}

// appendProtobuf appends a message.
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

// AsJSON is data as both encodings can carry it: what is no JSON becomes a string in base64.
func AsJSON(data []byte) []byte {
	if len(data) == 0 || utf8.Valid(data) && cfjson.Valid(data) {
		return chat.Fitted(data)
	}
	return chat.Fitted(cfjson.AppendString(nil, base64.StdEncoding.EncodeToString(data)))
}
