package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// The pushes of a room in each encoding: publications, joins and leaves.

// SessionFormats returns the formats of sessions, by the numbers of their encodings.
func SessionFormats() (all chat.Formats) {
	for _, f := range []struct{ encoding, full Encoding }{
		{JSONEncoding, JSONEncoding},
		{ProtobufEncoding, ProtobufEncoding},
		{jsonDeltaEncoding, jsonFullEncoding},
		{protobufDeltaEncoding, ProtobufEncoding},
		{jsonFullEncoding, jsonFullEncoding},
		{EventStream, EventStream},
		{LineStream, LineStream},
		{ProtobufStream, ProtobufStream},
		{UniEventStream, UniEventStream},
		{UniLineStream, UniLineStream},
	} {
		e := f.encoding
		all[e] = chat.FormatCodec{
			Publication: func(room string, p, before *chat.Publication, deltas *int) []byte {
				return encodePublication(room, p, before, e, deltas)
			},
			JoinLeave: func(room string, info *chat.ClientInfo, joined bool) []byte {
				if joined {
					return encodeJoin(room, info, e)
				}
				return encodeLeave(room, info, e)
			},
			Full: fanout.Format(f.full),
		}
	}
	return all
}

// encodeJoin returns the frame of a join event; encodeLeave, that of a leave event.
func encodeJoin(room string, info *chat.ClientInfo, e Encoding) []byte {
	return encodeReply(e, &protocol.Reply{Push: &protocol.Push{Channel: room, Join: &protocol.Join{Info: sdkInfo(info)}}})
}

func encodeLeave(room string, info *chat.ClientInfo, e Encoding) []byte {
	return encodeReply(e, &protocol.Reply{Push: &protocol.Push{Channel: room, Leave: &protocol.Leave{Info: sdkInfo(info)}}})
}

// sdkInfo returns the information about a client as a type of the protocol.
func sdkInfo(info *chat.ClientInfo) *protocol.ClientInfo {
	out := &protocol.ClientInfo{}
	fillInfo(out, info)
	return out
}
