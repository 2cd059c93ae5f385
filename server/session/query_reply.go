package session

import (
	"runtime"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// The replies of presence and history.

// bulkQuery returns a query whose reply is for s.
func (s *Session) bulkQuery(kind queryKind, room string) BulkQuery {
	return BulkQuery{
		Kind: kind, Room: room, JSON: s.Encoding.isJSON(), Stream: s.Encoding.IsStream(), Framing: s.Encoding.Framing(),
	}
}

// presenceByClient returns the presence as a type of the protocol.
func presenceByClient(infos []*chat.ClientInfo) map[string]*protocol.ClientInfo {
	all := make([]protocol.ClientInfo, len(infos))
	m := make(map[string]*protocol.ClientInfo, len(infos))
	for i, info := range infos {
		fillInfo(&all[i], info)
		m[info.Client] = &all[i]
	}
	return m
}

// YieldEvery is the number of members after which the encoding of a long reply yields the processor: about 0.1 ms.
const YieldEvery = 128

// encodePresence appends the part of a presence reply after its ID: in JSON, the value of "presence" and the end of the reply; in Protobuf, the
// PresenceResult. It yields the processor regularly. Do not call it on a poller or a shard.
func encodePresence(b []byte, json bool, infos []*chat.ClientInfo) []byte {
	if json {
		return append(appendPresence(b, infos), '}')
	}
	// A concatenation of encoded parts is a valid Protobuf message: here the entries of a map.
	one := &protocol.ClientInfo{}
	entry := map[string]*protocol.ClientInfo{}
	result := &protocol.PresenceResult{Presence: entry}
	for i, info := range infos {
		if i%YieldEvery == 0 {
			runtime.Gosched()
		}
		clear(entry)
		fillInfo(one, info)
		entry[info.Client] = one
		b = appendProtobuf(b, result)
	}
	return b
}

// appendPresence appends a PresenceResult in JSON.
func appendPresence(b []byte, infos []*chat.ClientInfo) []byte {
	b = append(b, `{"presence":{`...)
	for i, info := range infos {
		if i%YieldEvery == 0 {
			runtime.Gosched()
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendPresenceEntry(b, info)
	}
	return append(b, "}}"...)
}

// AppendPresenceEntry appends one entry of a PresenceResult in JSON.
func AppendPresenceEntry(b []byte, info *chat.ClientInfo) []byte {
	one := protocol.ClientInfo{}
	fillInfo(&one, info)
	b = append(cfjson.AppendString(b, info.Client), ':')
	return one.AppendJSON(b)
}

// publicationFields estimates the bytes of a publication in a history reply beyond its data and info: names of fields.
const publicationFields = 64

// HistoryPage returns a page of history as a type of the protocol, and about its size in bytes. The page ends with the publication that reaches
// maxBytes: text may take several times as many bytes in JSON.
func HistoryPage(pubs []chat.Publication, at chat.StreamPosition, json bool, maxBytes int) (result *protocol.HistoryResult, size int) {
	e := ProtobufEncoding
	if json {
		e = JSONEncoding
	}
	result = &protocol.HistoryResult{Epoch: at.Epoch, Offset: at.Offset, Publications: []*protocol.Publication{}} // SDKs require a list
	for i := range pubs {
		if i > 0 && size >= maxBytes {
			break
		}
		pub := TimedPublication(&pubs[i], e)
		result.Publications = append(result.Publications, pub)
		size += pubs[i].Size() - len(pubs[i].Data) + len(pub.Data) + publicationFields
	}
	return result, size
}

// encodeHistory returns the part of a history reply after its ID. Called on a worker.
func (all *Sessions) encodeHistory(q BulkQuery) ([]byte, *protocol.Error) {
	pubs, at, e := all.Read(q.Room, q.Since(), q.Limit, all.Limits().MaxUnsent/2, q.reverse)
	if e != nil {
		return nil, ErrorOf(e)
	}
	result, size := HistoryPage(pubs, at, q.JSON, all.Limits().MaxUnsent/2)
	runtime.Gosched()
	if q.JSON {
		return append(result.AppendJSON(make([]byte, 0, size)), '}'), nil
	}
	return appendProtobuf(nil, result), nil
}
