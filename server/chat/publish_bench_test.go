package chat

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/timeline"
)

// BenchmarkPublish measures a publication in a room of each kind, without members: with a history, and with the messages of a chat room.
func BenchmarkPublish(b *testing.B) {
	for name, o := range map[string]RoomOptions{"none": DefaultRoom(), "history": roomWithHistory("*"), "chat": chatRoom("*", 100)} {
		b.Run(name, func(b *testing.B) {
			o.Pattern = "*"
			h := newTestHub(b, o)
			in := h.RoomRef("x")
			info := &ClientInfo{User: "ann", Client: "1"}
			data := make([][]byte, 1<<12)
			for i := range data {
				data[i] = fmt.Appendf(nil, `{"id":"%024d","text":"hello, how do you do?"}`, i)
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				pub := Publication{Data: data[n%len(data)], Form: FormJSON, Info: info}
				if in.Options.IsChat() {
					h.PublishTalk(in, pub, PublishOptions{})
				} else {
					h.Publish(in, pub, PublishOptions{})
				}
			}
		})
	}
}

// BenchmarkReadTimeline measures a page of 100 messages of 100,000.
func BenchmarkReadTimeline(b *testing.B) {
	h := newTestHub(b, chatRoom("*", 100_000))
	for n := range 100_000 {
		say(h, "x", "ann", fmt.Sprintf(`{"id":"%d","text":"hello, how do you do?"}`, n))
	}
	b.ReportAllocs()
	for b.Loop() {
		page := h.ReadTimeline("x", timeline.Query{Direction: timeline.Before, At: 50_000, Limit: 100, Viewer: "ann"})
		page.AppendJSON(nil)
	}
}
