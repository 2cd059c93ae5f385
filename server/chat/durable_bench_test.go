package chat

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
)

// BenchmarkReplay measures the start with a million publications in 10,000 rooms.
func BenchmarkReplay(b *testing.B) {
	fake := brokertest.New(brokertest.Options{Seed: 1})
	o := durableRooms("d*")
	o.HistorySize = 100
	h := newDurableHub(b, fake, o)
	data := fmt.Sprintf(`{"n":1,"text":"%0100d"}`, 1)
	rooms := make([]string, 10_000)
	for i := range rooms {
		rooms[i] = fmt.Sprint("d:", i)
	}
	for range 100 {
		for _, room := range rooms {
			proposeText(h, room, data, PublishOptions{})
		}
		fake.Settle()
	}
	for b.Loop() {
		newDurableHub(b, fake, o)
	}
}

// BenchmarkPropose measures publications in a durable room, with their commits.
func BenchmarkPropose(b *testing.B) {
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(b, fake, durableRooms("d*"))
	in, pub := h.RoomRef("d"), Publication{Data: []byte(`{"text":"hello"}`), Form: FormJSON, Info: &ClientInfo{User: "ann", Client: "1"}}
	done := func(StreamPosition, *Rejection) {}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		h.Propose(in, pub, PublishOptions{}, done)
		if n%64 == 0 {
			fake.Settle()
		}
	}
}
