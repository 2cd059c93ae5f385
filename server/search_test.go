package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
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
	const one = `"rpc":{"method":"search","data":{"text":"absent"}}` // compares 6 MB, which count for 0.4 MB
	for range 20 {
		if strings.Contains(c.answerTo(one), `"error":{"code":111,`) {
			return
		}
	}
	t.Error("20 searches of 6 MB each had replies: want error 111")
}
