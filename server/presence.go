package server

import (
	"runtime"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-chat/throng/server/ws"
)

// presence is who is in a room. Each change costs the same however many there are. Guarded by hub.mu.
type presence struct {
	list  []*subscription
	users map[string]int // connections of each user
}

func (p *presence) add(sub *subscription) {
	sub.presentAt = int32(len(p.list))
	p.list = append(p.list, sub)
	if p.users == nil {
		p.users = map[string]int{}
	}
	p.users[sub.info.User]++
}

// remove takes sub out; it is in.
func (p *presence) remove(sub *subscription) {
	p.list = without(p.list, int(sub.presentAt))
	if int(sub.presentAt) < len(p.list) {
		p.list[sub.presentAt].presentAt = sub.presentAt
	}
	if p.users[sub.info.User]--; p.users[sub.info.User] == 0 {
		delete(p.users, sub.info.User)
	}
}

func (p *presence) stats() *protocol.PresenceStatsResult {
	return &protocol.PresenceStatsResult{NumClients: uint32(len(p.list)), NumUsers: uint32(len(p.users))}
}

// snapshot is cheap enough to be taken under hub.mu: pointers to what does not change.
func (p *presence) snapshot() []*protocol.ClientInfo {
	infos := make([]*protocol.ClientInfo, len(p.list))
	for i, sub := range p.list {
		infos[i] = sub.info
	}
	return infos
}

// byClient is presence as the protocol has it.
func byClient(infos []*protocol.ClientInfo) map[string]*protocol.ClientInfo {
	m := make(map[string]*protocol.ClientInfo, len(infos))
	for _, info := range infos {
		m[info.Client] = info
	}
	return m
}

// othersEvery is after how many members the making of a long answer lets others have the core: a tenth of a millisecond.
const othersEvery = 128

// encodePresence makes the frame that answers a question about a crowd: what encodeReply makes of byClient(infos), but a part at
// a time. Not to be called on the loop or on a shard.
func encodePresence(e encoding, id uint32, infos []*protocol.ClientInfo) []byte {
	if e.isJSON() {
		payload := cfjson.AppendUint([]byte(`{"id":`), uint64(id))
		payload = append(payload, `,"presence":`...)
		payload = appendPresence(payload, infos)
		return encode(ws.OpText, append(payload, '}'))
	}
	// A message of Protobuf may be made of parts that stand behind each other: of a map, its entries.
	var entries []byte
	for i := range infos {
		if i%othersEvery == 0 {
			runtime.Gosched()
		}
		entries = appendProtobuf(entries, &protocol.PresenceResult{Presence: byClient(infos[i : i+1])})
	}
	reply := appendProtobuf(nil, &protocol.Reply{Id: id})
	reply = protowire.AppendTag(reply, presenceOfReply, protowire.BytesType)
	reply = protowire.AppendBytes(reply, entries)
	return encode(ws.OpBinary, protowire.AppendBytes(nil, reply))
}

const presenceOfReply = 9 // the field's number in client.proto

// appendPresence appends a PresenceResult in JSON.
func appendPresence(b []byte, infos []*protocol.ClientInfo) []byte {
	b = append(b, `{"presence":{`...)
	for i, info := range infos {
		if i%othersEvery == 0 {
			runtime.Gosched()
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = cfjson.AppendString(b, info.Client)
		b = append(b, ':')
		b = info.AppendJSON(b)
	}
	return append(b, "}}"...)
}
