package chat

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

// Pollers publish at the same time, in one room and in many. Run it with -cpu 8 -mutexprofile: in the first case most of the waiting is for
// the lock of the room, in the second case almost none.
func BenchmarkPublishers(b *testing.B) {
	for _, busy := range []int{1, stripesOfRooms} {
		b.Run(fmt.Sprintf("rooms=%d", busy), func(b *testing.B) {
			h := newTestHubOf(8)
			for _, s := range h.Shards {
				go s.Run()
				defer close(s.Quit)
			}
			rooms := make([]*Room, busy)
			for i := range rooms {
				name := fmt.Sprint("room ", i)
				in := h.Rooms.StripeOf(name)
				r := h.RoomLocked(in, name)
				r.Members = 1
				r.TopicLocked(h.Shards[i%len(h.Shards)], PlainFormat).Members = 1
				rooms[i] = r
			}
			payload := make([]byte, 128)
			var publishers atomic.Uint64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				at := publishers.Add(1) * 7919
				for ; pb.Next(); at++ {
					r := rooms[at%uint64(len(rooms))]
					for r.OverLimit() {
						runtime.Gosched()
					}
					h.PublishPlain(r, ws.OpText, payload)
				}
			})
		})
	}
}
