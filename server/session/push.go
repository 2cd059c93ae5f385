package session

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

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

// encodePublication returns the frame of a publication in one encoding. In an encoding with deltas, before is the previous publication; nil for
// none. budget is the time for deltas in nanoseconds.
func encodePublication(room string, p, before *chat.Publication, e Encoding, budget *int) []byte {
	out := &struct { // one allocation
		reply protocol.Reply
		push  protocol.Push
		pub   sdkPublication
	}{}
	out.pub.fill(p, e)
	if e.withDelta() {
		out.pub.shorten(p, before, e, budget)
	}
	out.push.Channel, out.push.Pub = room, &out.pub.Publication
	out.reply.Push = &out.push
	return encodeReply(e, &out.reply)
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

func fillInfo(out *protocol.ClientInfo, info *chat.ClientInfo) {
	out.User, out.Client, out.ConnInfo, out.ChanInfo = info.User, info.Client, info.ConnInfo, info.ChanInfo
}

// sdkPublication is a publication as a type of the protocol, in one allocation with its publisher.
type sdkPublication struct {
	protocol.Publication
	publisher protocol.ClientInfo
}

// fill sets it to the full publication.
func (out *sdkPublication) fill(p *chat.Publication, e Encoding) {
	out.Offset, out.Tags, out.Data = p.Offset, p.Tags, sdkData(p, e)
	if p.Info != nil {
		fillInfo(&out.publisher, p.Info)
		out.Info = &out.publisher
	}
	if e.quotesData() {
		// In the JSON protocol, a client with deltas receives all data as a JSON string.
		out.Data = cfjson.AppendString(nil, string(out.Data))
	}
}

// shorten replaces the data by a delta to the previous publication, unless the delta is longer or the budget is used up. It subtracts its estimated
// time from the budget.
func (out *sdkPublication) shorten(p, before *chat.Publication, e Encoding, budget *int) {
	if before == nil {
		return
	}
	was, data := sdkData(before, e), sdkData(p, e)
	if len(was) > chat.MaxDelta || len(data) > chat.MaxDelta {
		return
	}
	if *budget -= DeltaCost(was, data); *budget < 0 {
		return
	}
	delta := DeltaOf(was, data)
	// A delta works on bytes. One that splits a character is not valid JSON.
	if len(delta) >= len(data) || e.isJSON() && !utf8.Valid(delta) {
		return
	}
	out.Delta, out.Data = true, delta
	if e.isJSON() {
		out.Data = cfjson.AppendString(nil, string(delta))
	}
}

// sdkData returns the data of a publication for an SDK client.
func sdkData(p *chat.Publication, e Encoding) []byte {
	switch {
	case p.Form == chat.FormJSON || p.Form == chat.FormBytes && !e.isJSON():
		return p.Data
	case p.Form == chat.FormText:
		return cfjson.AppendString(nil, string(p.Data))
	}
	return cfjson.AppendString(nil, base64.StdEncoding.EncodeToString(p.Data))
}

// fullPublication returns a publication without a delta.
func fullPublication(p *chat.Publication, e Encoding) *protocol.Publication {
	out := &sdkPublication{}
	out.fill(p, e)
	return &out.Publication
}

// deltaPublication returns a publication as a delta to the previous one, if there is one and shorten finds a shorter delta.
func deltaPublication(p, before *chat.Publication, e Encoding, budget *int) *protocol.Publication {
	out := &sdkPublication{}
	out.fill(p, e)
	out.shorten(p, before, e, budget)
	return &out.Publication
}

// TimedPublication returns a publication of the history or of a recovery: with its time.
func TimedPublication(p *chat.Publication, e Encoding) *protocol.Publication {
	out := fullPublication(p, e)
	out.Time = p.UnixMilli
	return out
}
