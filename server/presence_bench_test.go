package server

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// fullRoom is a room with so many members present.
func fullRoom(members int) *chat.Presence {
	p := &chat.Presence{}
	for i := range members {
		p.Add(&chat.Membership{Info: &chat.ClientInfo{User: fmt.Sprint("user", i), Client: fmt.Sprintf("%032x", i), ConnInfo: []byte(`{"name":"somebody"}`)}})
	}
	return p
}

// What a question about a crowded room costs: the snapshot is taken under the lock of the room, which stops its publishers for that time; the
// answer is made off the loop.
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
				session.EncodePresence(nil, json, infos)
			}
		})
	}
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			p.Stats(0)
		}
	})
	b.Run("one comes and goes", func(b *testing.B) {
		sub := &chat.Membership{Info: &chat.ClientInfo{User: "one more", Client: "x"}}
		for b.Loop() {
			p.Add(sub)
			p.Remove(sub)
		}
	})
}
