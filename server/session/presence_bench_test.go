package session

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// fullRoom returns the presence of a room with so many members.
func fullRoom(members int) *chat.Presence {
	p := &chat.Presence{}
	for i := range members {
		p.Add(&chat.PresenceEntry{Info: &chat.ClientInfo{User: fmt.Sprint("user", i), Client: fmt.Sprintf("%032x", i), ConnInfo: []byte(`{"name":"somebody"}`)}})
	}
	return p
}

// The cost of a presence query in a large room: the snapshot is made under the lock of the room, which delays its publishers; a worker encodes
// the reply.
func BenchmarkPresenceOf20000(b *testing.B) {
	p := fullRoom(20_000)
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			p.Snapshot()
		}
	})
	infos := p.Snapshot()
	for name, json := range map[string]bool{"answer/json": true, "answer/protobuf": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				encodePresence(nil, json, infos)
			}
		})
	}
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			p.Stats(0)
		}
	})
	b.Run("join and leave", func(b *testing.B) {
		sub := &chat.PresenceEntry{Info: &chat.ClientInfo{User: "one more", Client: "x"}}
		for b.Loop() {
			p.Add(sub)
			p.Remove(sub)
		}
	})
}
