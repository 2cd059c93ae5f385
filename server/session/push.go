package session

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// What a room's members are sent, in each encoding: publications, joins and leaves.

// SessionFormats are the formats of sessions, each by the number of its encoding.
func SessionFormats() (all chat.Formats) {
	for _, f := range []struct{ encoding, whole Encoding }{
		{JsonEncoding, JsonEncoding},
		{ProtobufEncoding, ProtobufEncoding},
		{JsonDeltaEncoding, jsonFullEncoding},
		{ProtobufDeltaEncoding, ProtobufEncoding},
		{jsonFullEncoding, jsonFullEncoding},
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
			Whole: fanout.Format(f.whole),
		}
	}
	return all
}

// encodePublication makes the frame of a publication for the members of one encoding: where they are sent deltas, against before, nil
// for none. budget is of nanoseconds for deltas.
func encodePublication(room string, p, before *chat.Publication, e Encoding, budget *int) []byte {
	told := &struct { // in one piece of memory
		reply protocol.Reply
		push  protocol.Push
		pub   sdkPublication
	}{}
	told.pub.fill(p, e)
	if e.withDelta() {
		told.pub.shorten(p, before, e, budget)
	}
	told.push.Channel, told.push.Pub = room, &told.pub.Publication
	told.reply.Push = &told.push
	return encodeReply(e, &told.reply)
}

// encodeJoin makes the frame that tells of a client that came; encodeLeave, of one that went.
func encodeJoin(room string, info *chat.ClientInfo, e Encoding) []byte {
	return encodeReply(e, &protocol.Reply{Push: &protocol.Push{Channel: room, Join: &protocol.Join{Info: sdkInfo(info)}}})
}

func encodeLeave(room string, info *chat.ClientInfo, e Encoding) []byte {
	return encodeReply(e, &protocol.Reply{Push: &protocol.Push{Channel: room, Leave: &protocol.Leave{Info: sdkInfo(info)}}})
}

// sdkInfo is a client as the protocol has it.
func sdkInfo(info *chat.ClientInfo) *protocol.ClientInfo {
	out := &protocol.ClientInfo{}
	fillInfo(out, info)
	return out
}

func fillInfo(out *protocol.ClientInfo, info *chat.ClientInfo) {
	out.User, out.Client, out.ConnInfo, out.ChanInfo = info.User, info.Client, info.ConnInfo, info.ChanInfo
}

// sdkPublication is a publication as the protocol has it, in one piece of memory with its publisher.
type sdkPublication struct {
	protocol.Publication
	publisher protocol.ClientInfo
}

// fill makes it the publication by itself.
func (out *sdkPublication) fill(p *chat.Publication, e Encoding) {
	out.Offset, out.Tags, out.Data = p.Offset, p.Tags, sdkData(p, e)
	if p.Info != nil {
		fillInfo(&out.publisher, p.Info)
		out.Info = &out.publisher
	}
	if e.IsJSON() && e != JsonEncoding {
		// Whoever hears deltas hears every datum as a JSON string.
		out.Data = cfjson.AppendString(nil, string(out.Data))
	}
}

// shorten replaces the data by what is new of it against the publication before, unless that is longer, or the budget of nanoseconds for
// deltas is used up, of which it takes its part.
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
	// A delta copies and adds bytes, not characters: one that cuts a character in two is no JSON.
	if len(delta) >= len(data) || e.IsJSON() && !utf8.Valid(delta) {
		return
	}
	out.Delta, out.Data = true, delta
	if e.IsJSON() {
		out.Data = cfjson.AppendString(nil, string(delta))
	}
}

// sdkData is the data of a publication as an SDK is sent it.
func sdkData(p *chat.Publication, e Encoding) []byte {
	switch {
	case p.Form == chat.FormJSON || p.Form == chat.FormBytes && !e.IsJSON():
		return p.Data
	case p.Form == chat.FormText:
		return cfjson.AppendString(nil, string(p.Data))
	}
	return cfjson.AppendString(nil, base64.StdEncoding.EncodeToString(p.Data))
}

// fullPublication is a publication by itself.
func fullPublication(p *chat.Publication, e Encoding) *protocol.Publication {
	out := &sdkPublication{}
	out.fill(p, e)
	return &out.Publication
}

// DeltaPublication is what is new of a publication against the one before, nil for none.
func DeltaPublication(p, before *chat.Publication, e Encoding, budget *int) *protocol.Publication {
	out := &sdkPublication{}
	out.fill(p, e)
	out.shorten(p, before, e, budget)
	return &out.Publication
}

// PastPublication is a publication as it is sent to a client that did not receive it when it was made: with its time.
func PastPublication(p *chat.Publication, e Encoding) *protocol.Publication {
	out := fullPublication(p, e)
	out.Time = p.UnixMilli
	return out
}
