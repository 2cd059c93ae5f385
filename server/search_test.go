package server

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// searched is the reply of rpc("search").
type searched struct {
	Messages []struct{ Channel, ID, User, Text string }
	More     bool
	Next     json.RawMessage
}

func (c *sdk) search(params string) (found searched) {
	c.t.Helper()
	line := c.answerTo(`"rpc":{"method":"search","data":` + params + `}`)
	var reply struct {
		RPC struct{ Data json.RawMessage }
	}
	if json.Unmarshal([]byte(line), &reply) != nil || json.Unmarshal(reply.RPC.Data, &found) != nil {
		c.t.Fatalf("%s: got %s", params, line)
	}
	return found
}

func (f *searched) ids() (ids []string) {
	for _, m := range f.Messages {
		ids = append(ids, m.Channel+"/"+m.ID)
	}
	return ids
}

// A search finds the messages of the rooms that the client may read, as they stand, the newest first, page by page.
func TestASearchFindsWhatTheClientMayRead(t *testing.T) {
	t.Parallel()
	closed := chatRoom("closed")
	closed.ReadHistory = chat.Nobody
	s := startAPI(t, closed, chatRoom("c*"), roomWithHistory("data"))
	ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	for _, room := range []string{"c1", "c2", "closed", "data"} {
		ann.enter(room)
	}
	bob.enter("c1")
	for n := range 6 {
		for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; { // the search orders messages of several rooms by milliseconds
		}
		call(t, s, "publish", fmt.Sprintf(`{"channel":"c%d","data":{"id":"m%d","text":"La Crème, part %d"}}`, 1+n%2, n, n))
	}
	call(t, s, "publish", `{"channel":"closed","data":{"id":"x","text":"creme part"}}`)
	call(t, s, "publish", `{"channel":"c3","data":{"id":"x","text":"creme part"}}`)
	call(t, s, "publish", `{"channel":"c1","data":{"type":"edit","of":"m2","text":"no more"}}`)
	call(t, s, "publish", `{"channel":"c2","data":{"type":"delete","of":"m3"}}`)
	first := ann.search(`{"text":"CREME part","limit":3}`)
	if got := fmt.Sprint(first.ids()); got != "[c2/m5 c1/m4 c2/m1]" || !first.More {
		t.Errorf("got %s, more: %t", got, first.More)
	}
	second := ann.search(fmt.Sprintf(`{"text":"CREME part","limit":3,"before":%s}`, first.Next))
	if got := fmt.Sprint(second.ids()); got != "[c1/m0]" || second.More {
		t.Errorf("page 2: got %s, more: %t", got, second.More)
	}
	one := bob.search(`{"text":"creme","channel":"c1","limit":1}`)
	if got := fmt.Sprint(one.ids()); got != "[c1/m4]" || !one.More {
		t.Errorf("one room: got %s, more: %t", got, one.More)
	}
	one = bob.search(fmt.Sprintf(`{"text":"creme","channel":"c1","before":%s}`, one.Next))
	if got := fmt.Sprint(one.ids()); got != "[c1/m0]" || one.More {
		t.Errorf("one room, page 2: got %s, more: %t", got, one.More)
	}
	for params, code := range map[string]int{
		`{"text":"a","channel":"closed"}`: 103, `{"text":"a","channel":"c2"}`: 103, `{"text":"a","channel":"data"}`: 108, `{"text":" "}`: 107,
		`{"text":"a","limit":101}`: 107, `{"text":"a","before":7}`: 107, `{"text":"a","channel":"c1","before":"x"}`: 107, `[]`: 107,
	} {
		if got := bob.answerTo(`"rpc":{"method":"search","data":` + params + `}`); !strings.Contains(got, fmt.Sprintf(`"error":{"code":%d,`, code)) {
			t.Errorf("%s: got %s, want error %d", params, got, code)
		}
	}
}

// The bytes that a search compares count for the rate of long replies of the connection, also if it finds nothing.
func TestASearchCountsForTheRateOfLongReplies(t *testing.T) {
	t.Parallel()
	s := startAPI(t, chatRoom("c"))
	for n := range 100 { // of 60 KB
		call(t, s, "publish", fmt.Sprintf(`{"channel":"c","data":{"id":"m%d","text":%q}}`, n, strings.Repeat("x", 60_000)))
	}
	c := connectSDK(t, s, tokenOf("ann"))
	c.enter("c")
	rate := limiter.PerSecond(1000) // a slow machine does not catch up with it
	withShardsLocked(s, func() { s.sessions.BulkRate.Store(&rate) })
	const one = `"rpc":{"method":"search","data":{"text":"absent"}}` // compares 6 MB, which count for 0.4 MB
	if got := c.answerTo(one); strings.Contains(got, `"error"`) {
		t.Fatalf("the first search: got %s", got)
	}
	if got := c.answerTo(one); !strings.Contains(got, `"error":{"code":111,`) {
		t.Errorf("the second search: got %s, want error 111", got)
	}
}

// A search ends when its client leaves: while it waits for a worker, and while it runs.
func TestASearchEndsWithItsClient(t *testing.T) {
	t.Parallel()
	o := chatRoom("c")
	o.HistorySize, o.ReadHistory = 10_000, chat.Anyone
	s := startAPI(t, o)
	for n := range 5_000 { // several chunks
		data := fmt.Appendf(nil, `{"id":"m%d","text":"hello"}`, n)
		if _, _, e := s.sessions.PublishTalk(s.sessions.RoomRef("c"), chat.Publication{Data: data, Form: chat.FormJSON}, chat.PublishOptions{}); e != nil {
			t.Fatal(e)
		}
	}
	searchAndLeave := func() {
		c := connectSDK(t, s, tokenOf("ann"))
		c.sendLine(`{"id":5,"rpc":{"method":"search","data":{"text":"absent","channel":"c"}}}`)
		eventually(t, "the search to begin", func() bool { return len(sessionsOf(s, "ann")) == 1 && sessionsOf(s, "ann")[0].Conn.Is(fanout.Paused) })
		c.conn.Close()
		eventually(t, "the end of the connection", func() bool { return s.sessions.UserCount() == 0 })
	}
	canceled := func() float64 { return testutil.ToFloat64(s.metrics.Searches.Canceled) }

	_, unlock := s.sessions.Rooms.Find("c") // the search waits for the room
	searchAndLeave()
	unlock()
	eventually(t, "the end of the search", func() bool { return canceled() == 1 })

	gate := make(chan struct{})
	for range s.sessions.Searchers.Limit {
		s.sessions.Searchers.Do(netip.Addr{}, func() { <-gate }, func() {})
	}
	searchAndLeave()
	close(gate)
	eventually(t, "the end of the second search", func() bool { return canceled() == 2 })
	if done := testutil.ToFloat64(s.metrics.Searches.Done); done != 0 {
		t.Errorf("%v searches went on without their clients", done)
	}
}

// At most 256 searches wait for a worker. A further one gets error 111, and the client may repeat it.
func TestSearchesWaitInABoundedQueue(t *testing.T) {
	t.Parallel()
	s := startAPI(t, chatRoom("c"))
	c := connectSDK(t, s, tokenOf("ann"))
	c.enter("c")
	c.publishIn("c", `{"id":"m","text":"hello"}`)
	gate, address, waiting := make(chan struct{}), netip.MustParseAddr("127.0.0.1"), 0 // that of the client
	for range s.sessions.Searchers.Limit {
		s.sessions.Searchers.Do(address, func() { <-gate }, func() {})
	}
	for s.sessions.Searchers.Do(address, func() {}, func() {}) {
		waiting++
	}
	if waiting != 256 {
		t.Errorf("%d searches may wait, want 256", waiting)
	}
	const params = `{"text":"hello"}`
	c.wantRPC("search", params, "111 too many requests")
	close(gate)
	eventually(t, "the end of the searches", func() bool { return s.sessions.Searchers.Length() == 0 })
	if found := c.search(params); fmt.Sprint(found.ids()) != "[c/m]" {
		t.Errorf("got %v", found.ids())
	}
	if got := testutil.ToFloat64(s.metrics.Searches.Rejected); got != 1 {
		t.Errorf("%v searches were rejected, want 1", got)
	}
}
