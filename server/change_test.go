package server

import (
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// Repeated reactions do not evict messages from a history.
func TestChangesDoNotUseTheMessageRate(t *testing.T) {
	const most = 100
	o := chat.DefaultRoom()
	o.HistorySize, o.HistoryTTL, o.Recovery = most, chat.MaxHistoryTTL, true
	s := startServer(t, func(c *Config) { c.Rooms = []chat.RoomOptions{o} })
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	c.line()
	id := 2
	publish := func(data string) {
		id++
		c.sendLine(`{"id":%d,"publish":{"channel":"x","data":%s}}`, id, data)
		for range 2 { // the publication and the reply
			c.line()
		}
	}
	for n := range most {
		publish(fmt.Sprintf(`{"id":"%d","text":"x"}`, n))
	}
	for n := range chat.ChangesPerMessage * most {
		publish(fmt.Sprintf(`{"type":"reaction","of":"1","emoji":"x","on":%v}`, n%2 == 0))
	}
	r := roomOf(s, "x")
	r.Stripe.Mu.Lock()
	first, count := r.History.At(0).Offset, r.History.Count
	r.Stripe.Mu.Unlock()
	if first != 1 || count != (1+chat.ChangesPerMessage)*most {
		t.Errorf("got %d publications from offset %d, want all %d", count, first, (1+chat.ChangesPerMessage)*most)
	}
	publish(`{"type":"edit","of":"1","text":"y"}`)
	r.Stripe.Mu.Lock()
	first = r.History.At(0).Offset
	r.Stripe.Mu.Unlock()
	if first == 1 {
		t.Errorf("got %d publications kept, want the changes bounded, too", count)
	}
}
