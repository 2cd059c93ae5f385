package session

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// Publications in the SDK protocol: those of clients and of the server API, and those that members receive.

var errTooDeep = fmt.Errorf("data nested deeper than %d", MaxDepth)

// MaxDepth is the nesting of JSON data, at most. Deeper data could exceed the limits of parsers in clients.
const MaxDepth = 64

// PublicationOf returns a publication with data of an SDK client or of the server API. It keeps data: the caller must not change it. ok is false
// if the JSON is nested deeper than MaxDepth.
func PublicationOf(data []byte) (p chat.Publication, ok bool) {
	if !utf8.Valid(data) || !cfjson.Valid(data) {
		return chat.Publication{Data: chat.Compact(data), Form: chat.FormBytes}, true
	}
	if nesting(data) > MaxDepth {
		return chat.Publication{}, false
	}
	// In the JSON protocol, a line break separates replies.
	if bytes.ContainsAny(data, "\n\r") {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return chat.Publication{Data: chat.Compact(data), Form: chat.FormJSON}, true
}

// nesting returns the nesting of valid JSON.
func nesting(b []byte) (most int) {
	now, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
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
	if p.Timed {
		out.pub.Time = p.UnixMilli
	}
	out.push.Channel, out.push.Pub = room, &out.pub.Publication
	out.reply.Push = &out.push
	return encodeReply(e, &out.reply)
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

func fillInfo(out *protocol.ClientInfo, info *chat.ClientInfo) {
	out.User, out.Client, out.ConnInfo, out.ChanInfo = info.User, info.Client, info.ConnInfo, info.ChanInfo
}
