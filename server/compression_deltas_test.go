package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
)

// Deltas are compressed as other publications, and the members that need a full one get it.
func TestDeltasAreCompressed(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.Delta = true
	s := startServer(t, func(c *Config) { c.Rooms = []chat.RoomOptions{o} })
	var plain, small []*sdk
	for i := range 4 * len(s.sessions.Shards) {
		c := &sdk{}
		if i < 2*len(s.sessions.Shards) {
			c.client = dialDeflate(t, s, chat.SessionPath, "permessage-deflate")
			small = append(small, c)
		} else {
			c.client = dialSDK(t, s, "").client
			plain = append(plain, c)
		}
		c.sendLine(`{"id":1,"connect":{}}`)
		c.line()
		c.sendLine(`{"id":2,"subscribe":{"channel":"x","delta":"fossil"}}`)
		if got := c.line(); !strings.Contains(got, `"delta":true`) {
			t.Fatalf("got %s, want a subscription with deltas", got)
		}
	}
	for i := range 5 {
		// The half of each publication is new.
		data := fmt.Appendf(nil, `{"old":%q,"new":%q}`, chatText(400), fmt.Sprint(i)+chatText(300+i))
		s.sessions.Publish(s.sessions.RoomRef("x"), chat.Publication{Data: data, Form: chat.FormJSON}, chat.PublishOptions{})
		want := plain[0].line()
		if isDelta := strings.Contains(want, `"delta":true`); isDelta != (i > 0) {
			t.Fatalf("publication %d: got %s", i, want)
		}
		for _, c := range plain[1:] {
			c.expectLine(want)
		}
		for _, c := range small {
			m, err := c.nextExceptPings()
			if err != nil {
				t.Fatal(err)
			}
			// The first one is for each member by itself.
			if got, was := c.inflate(m); got != want || was != (i > 0 && len(want) >= deflate.MinMessage) {
				t.Fatalf("publication %d: got %s, compressed: %v; want %s", i, got, was, want)
			}
		}
	}
}
