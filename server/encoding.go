package server

import (
	"encoding/binary"
	"fmt"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// encoding is how a member hears its room. What is said is encoded once for each encoding that has a member, and shared.
type encoding uint8

const (
	plainEncoding         encoding = iota // what was said, as it was said
	jsonEncoding                          // pushes of the SDK protocol
	protobufEncoding                      // the same
	jsonDeltaEncoding                     // the same, what is new of each publication against the one before
	protobufDeltaEncoding                 // the same
	encodings

	// jsonFullEncoding is the first publication that a member of jsonDeltaEncoding hears. No topic has it.
	jsonFullEncoding = encodings
)

func (e encoding) isJSON() bool {
	return e == jsonEncoding || e == jsonDeltaEncoding || e == jsonFullEncoding
}

func (e encoding) withDelta() bool { return e == jsonDeltaEncoding || e == protobufDeltaEncoding }

// opcode is of the frames that carry this encoding.
func (e encoding) opcode() ws.Opcode {
	if e.isJSON() {
		return ws.OpText
	}
	return ws.OpBinary
}

// sessionPings are the server's ping of each encoding: an empty reply.
var sessionPings = [encodings]([]byte){
	jsonEncoding:     fanout.EncodeFrame(ws.OpText, []byte("{}")),
	protobufEncoding: fanout.EncodeFrame(ws.OpBinary, []byte{0}),
}

// appendReplies appends one frame with all the replies: JSON has one a line, Protobuf each behind its length. scratch is
// for the payload; it is returned for the next time.
func appendReplies(dst, scratch []byte, e encoding, replies []*protocol.Reply) (frame, spent []byte) {
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

// encodeReply makes one frame of one reply.
func encodeReply(e encoding, r *protocol.Reply) []byte {
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
