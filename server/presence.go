package server

import (
	"runtime"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"
)

// presence is who is in a room. Each change costs the same however many there are. Guarded by stripe.mu of the room.
type presence struct {
	list  []*subscription
	users map[string]int // connections of each user
	bytes int            // of an answer that tells who is there, about
}

// presenceOverhead is what a member takes in that answer beyond what is known of it, about: names of fields.
const presenceOverhead = 64

// presentSize is what a member takes in that answer, about.
func presentSize(info *protocol.ClientInfo) int {
	return infoSize(info) + len(info.Client) + presenceOverhead
}

func (p *presence) add(sub *subscription) {
	sub.presentAt = int32(len(p.list))
	sub.presentSize = int32(presentSize(sub.info))
	p.bytes += int(sub.presentSize)
	p.list = append(p.list, sub)
	if p.users == nil {
		p.users = map[string]int{}
	}
	p.users[sub.info.User]++
}

// remove takes sub out; it is in.
func (p *presence) remove(sub *subscription) {
	p.bytes -= int(sub.presentSize)
	p.list = without(p.list, int(sub.presentAt))
	if int(sub.presentAt) < len(p.list) {
		p.list[sub.presentAt].presentAt = sub.presentAt
	}
	if p.users[sub.info.User]--; p.users[sub.info.User] == 0 {
		delete(p.users, sub.info.User)
	}
}

// stats counts plain members as well: together they are one user, the one without a name, like all others without one.
func (p *presence) stats(plain int) *protocol.PresenceStatsResult {
	users := len(p.users)
	if plain > 0 && p.users[""] == 0 {
		users++
	}
	return &protocol.PresenceStatsResult{NumClients: uint32(len(p.list) + plain), NumUsers: uint32(users)}
}

// plainMembers counts the plain members of a room. The room's lock is held.
func (r *room) plainMembers() (n int) {
	for _, p := range r.parts {
		if p.encoding == plainEncoding {
			n += p.members
		}
	}
	return n
}

// snapshot is cheap enough to be taken under the lock of a room: pointers to what does not change.
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

// encodePresence appends what follows the id in the reply that tells who is there: what is behind "presence" and ends the reply in JSON,
// the PresenceResult in Protobuf. It is made a part at a time. Not to be called on the loop or on a shard.
func encodePresence(b []byte, json bool, infos []*protocol.ClientInfo) []byte {
	if json {
		return append(appendPresence(b, infos), '}')
	}
	// A message of Protobuf may be made of parts that stand behind each other: of a map, its entries.
	for i := range infos {
		if i%othersEvery == 0 {
			runtime.Gosched()
		}
		b = appendProtobuf(b, &protocol.PresenceResult{Presence: byClient(infos[i : i+1])})
	}
	return b
}

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
