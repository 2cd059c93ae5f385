package session

import (
	"encoding/binary"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/httpstream"
	"github.com/throng-chat/throng/server/ws"
)

// The encodings of HTTP streams: a message is a chunk of a response. They have no deltas: a member that wants them receives full publications.
const (
	EventStream    Encoding = jsonFullEncoding + 1 + iota // JSON, for EventSource
	LineStream                                            // JSON, one reply a line
	ProtobufStream                                        // Protobuf
	UniEventStream                                        // JSON, pushes only: the client sends no commands
	UniLineStream                                         // JSON, pushes only
	endOfEncodings
)

// stream is what distinguishes the encodings of HTTP streams.
type stream struct {
	framing   httpstream.Framing
	uni       bool // the client sends no commands
	transport string
}

var streams = [endOfEncodings]stream{
	EventStream:    {httpstream.Events, false, "sse"},
	LineStream:     {httpstream.Lines, false, "http_stream"},
	ProtobufStream: {httpstream.Lengths, false, "http_stream"},
	UniEventStream: {httpstream.Events, true, "uni_sse"},
	UniLineStream:  {httpstream.Lines, true, "uni_http_stream"},
}

// streamFormats are the encodings of HTTP streams.
var streamFormats = []Encoding{EventStream, LineStream, ProtobufStream, UniEventStream, UniLineStream}

// streamPings has the pings of HTTP streams: empty replies.
var streamPings = func() (all [endOfEncodings][]byte) {
	for _, e := range streamFormats {
		all[e] = encodeReply(e, &protocol.Reply{})
	}
	return all
}()

// IsStream reports whether the encoding is one of an HTTP stream.
func (e Encoding) IsStream() bool { return e > jsonFullEncoding }

// IsUni reports whether clients of the encoding send no commands.
func (e Encoding) IsUni() bool { return streams[e].uni }

// Framing returns the framing of an HTTP stream.
func (e Encoding) Framing() httpstream.Framing { return streams[e].framing }

// Transport returns the name of the transport in webhooks.
func (e Encoding) Transport() string {
	if e.IsStream() {
		return streams[e].transport
	}
	return "websocket"
}

// appendStreamReplies is appendReplies for an HTTP stream: one chunk with all replies.
func appendStreamReplies(dst, scratch []byte, e Encoding, replies []*protocol.Reply) (frame, spent []byte) {
	payload, f := scratch[:0], e.Framing()
	for _, r := range replies {
		payload = append(payload, f.Before()...)
		at := len(payload)
		switch {
		case !e.isJSON():
			payload = appendProtobuf(binary.AppendUvarint(payload, uint64(r.SizeCF())), r)
		case e.IsUni():
			payload = pushOf(r).AppendJSON(payload)
			httpstream.OneLine(payload, at)
		default:
			payload = r.AppendJSON(payload)
			httpstream.OneLine(payload, at)
		}
		payload = append(payload, f.After()...)
	}
	return httpstream.AppendChunk(dst, payload), payload
}

// disconnectClosed is the code of a disconnect that has no code of its own. An SDK reconnects after it.
const disconnectClosed ws.CloseCode = 3000

// pushOf returns a reply as a client without commands receives it: the reply to connect is a push, too. Such a client causes no other replies.
func pushOf(r *protocol.Reply) *protocol.Push {
	switch c := r.Connect; {
	case r.Push != nil:
		return r.Push
	case c != nil:
		return &protocol.Push{Connect: &protocol.Connect{
			Client: c.Client, Version: c.Version, Data: c.Data, Subs: c.Subs, Expires: c.Expires, Ttl: c.Ttl, Ping: c.Ping,
		}}
	default:
		return &protocol.Push{}
	}
}

// streamClose returns the end of an HTTP stream: a disconnect push, then the end of the response. The codes of RFC 6455 have a meaning for SDKs
// only in a close frame: a client whose data caused the close must not repeat it.
func streamClose(e Encoding, code ws.CloseCode, text string) []byte {
	switch {
	case code == ws.CloseTooBig || code == ws.CloseInvalidData || code == ws.CloseProtocolError:
		code = disconnectBadRequest.code
	case code < 3000:
		code = disconnectClosed
	}
	end := encodeReply(e, &protocol.Reply{Push: &protocol.Push{Disconnect: &protocol.Disconnect{Code: uint32(code), Reason: text}}})
	return append(end, httpstream.LastChunk...)
}

// streamBulkHead returns the bytes before the body of a bulk reply in an HTTP stream, and streamBulkEnd those after it, which are a part of the
// body. reply is the beginning of the reply, with its length in Protobuf.
func streamBulkHead(f httpstream.Framing, reply []byte, body int) []byte {
	n := len(f.Before()) + len(reply) + body - len(httpstream.ChunkEnd)
	return append(append(httpstream.AppendChunkHead(nil, n), f.Before()...), reply...)
}

func streamBulkEnd(f httpstream.Framing) string { return f.After() + httpstream.ChunkEnd }
