package session

import (
	"runtime"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// Replies that tell of a room: who is present, and its history.

// ByClient is presence as the protocol has it.
func ByClient(infos []*chat.ClientInfo) map[string]*protocol.ClientInfo {
	all := make([]protocol.ClientInfo, len(infos))
	m := make(map[string]*protocol.ClientInfo, len(infos))
	for i, info := range infos {
		fillInfo(&all[i], info)
		m[info.Client] = &all[i]
	}
	return m
}

// OthersEvery is after how many members the making of a long answer lets others have the core: a tenth of a millisecond.
const OthersEvery = 128

// EncodePresence appends what follows the id in the reply that tells who is there: what is behind "presence" and ends the reply in JSON,
// the PresenceResult in Protobuf. It is made a part at a time. Not to be called on the loop or on a shard.
func EncodePresence(b []byte, json bool, infos []*chat.ClientInfo) []byte {
	if json {
		return append(appendPresence(b, infos), '}')
	}
	// A message of Protobuf may be made of parts that stand behind each other: of a map, its entries.
	one := &protocol.ClientInfo{}
	entry := map[string]*protocol.ClientInfo{}
	result := &protocol.PresenceResult{Presence: entry}
	for i, info := range infos {
		if i%OthersEvery == 0 {
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
		if i%OthersEvery == 0 {
			runtime.Gosched()
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendPresent(b, info)
	}
	return append(b, "}}"...)
}

// AppendPresent appends one entry of a PresenceResult in JSON.
func AppendPresent(b []byte, info *chat.ClientInfo) []byte {
	one := protocol.ClientInfo{}
	fillInfo(&one, info)
	b = append(cfjson.AppendString(b, info.Client), ':')
	return one.AppendJSON(b)
}

// TellPast is a page of a room's history as the protocol has it, and about how many bytes that takes. It ends with the publication that
// makes it so many bytes: text may take several times as many in JSON as it had.
func TellPast(pubs []chat.Publication, at chat.Position, json bool, mostBytes int) (result *protocol.HistoryResult, size int) {
	e := ProtobufEncoding
	if json {
		e = JsonEncoding
	}
	result = &protocol.HistoryResult{Epoch: at.Epoch, Offset: at.Offset, Publications: []*protocol.Publication{}} // SDKs want a list
	for i := range pubs {
		if i > 0 && size >= mostBytes {
			break
		}
		told := PastPublication(&pubs[i], e)
		result.Publications = append(result.Publications, told)
		size += pubs[i].Size() - len(pubs[i].Data) + len(told.Data) + chat.PresenceOverhead
	}
	return result, size
}

// encodeHistory makes what follows the id in the reply that tells of a room's history. Called on a worker.
func (all *Sessions) encodeHistory(q LongQuestion) ([]byte, *protocol.Error) {
	pubs, at, e := all.Read(q.Room, q.Since(), q.Limit, all.MaxUnsent/2, q.reverse)
	if e != nil {
		return nil, ErrorOf(e)
	}
	result, size := TellPast(pubs, at, q.Json, all.MaxUnsent/2)
	runtime.Gosched()
	if q.Json {
		return append(result.AppendJSON(make([]byte, 0, size)), '}'), nil
	}
	return appendProtobuf(nil, result), nil
}
