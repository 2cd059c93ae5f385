package server

import (
	"fmt"
	"strings"
	"testing"
)

// The application reads the messages of every chat room as they stand, with the parameters and the errors of the rpc.
func TestTheAPIReadsTheTimeline(t *testing.T) {
	t.Parallel()
	secret := chatRoom("secret")
	secret.ReadHistory = "nobody"
	s := startAPI(t, secret, roomWithHistory("data"))
	ann := connectSDK(t, s, tokenOf("ann"))
	ann.enter("secret")
	for _, data := range []string{
		`{"id":"a","text":"good dya"}`, `{"id":"b","text":"re","thread":"a","reply_to":"a","mentions":["bob"],"meta":{"x":1}}`, `{"id":"c","text":"gone"}`,
		`{"type":"edit","of":"a","text":"good day"}`, `{"type":"reaction","of":"a","emoji":"+","on":true}`, `{"type":"delete","of":"c"}`,
	} {
		ann.publishIn("secret", data)
	}
	call(t, s, "publish", `{"channel":"secret","data":{"type":"pin","of":"a","on":true}}`)
	for _, c := range []struct{ params, ids, more string }{
		{`{"channel":"secret"}`, "a b c", `"more":false`},
		{`{"channel":"secret","limit":2}`, "b c", `"more":true`},
		{`{"channel":"secret","before":3,"limit":1}`, "b", `"more":true`},
		{`{"channel":"secret","after":1,"limit":1}`, "b", `"more":true`},
		{`{"channel":"secret","around":"b","limit":1}`, "b", `"more":true,"more_new":true`},
		{`{"channel":"secret","thread":"a"}`, "a b", `"more":false`},
		{`{"channel":"secret","pinned":true}`, "a", `"more":false`},
		{`{"channel":"secret","before":1}`, "", `"more":false`},
	} {
		got := call(t, s, "timeline", c.params)
		checkSchema(t, "timeline", "Answer", got)
		checkSchema(t, "timeline", "Request", c.params)
		var ids []string
		for _, part := range strings.Split(got, `{"id":"`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			ids = append(ids, id)
		}
		if strings.Join(ids, " ") != c.ids || !strings.Contains(got, c.more+`,"offset":7,"epoch":"`) {
			t.Errorf("%s: got %s, want the messages %s and %s", c.params, got, c.ids, c.more)
		}
	}
	all := call(t, s, "timeline", `{"channel":"secret"}`)
	for _, want := range []string{
		`"text":"good day","edited":`, `"reactions":[{"emoji":"+","count":1,"mine":false}]`, `"replies":1,"last_reply":2,"pinned":true`,
		`"text":"","deleted":true`, `"mentions":["bob"]`, `"meta":{"x":1}`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("got %s, want %s", all, want)
		}
	}
	wantError(t, s, "timeline", `{"channel":"data"}`, 108, "not a chat room")
	wantError(t, s, "timeline", `{}`, 107, "channel: want 1 to 255 bytes")
	wantError(t, s, "timeline", `{"channel":"secret","limit":101}`, 107, "limit: found 101, allowed: 1 to 100")
	wantError(t, s, "timeline", `{"channel":"secret","lmit":1}`, 107, `unknown field "lmit"; nearest: "limit"`)
	wantError(t, s, "timeline", `{"channel":"secret","around":"x"}`, 107, "around: no such message")
	wantError(t, s, "timeline", `{"channel":"secret","before":1,"after":1}`, 107, "before, after, around: found 2 of them")
}

// A page ends at 1 MiB.
func TestThePageOfATimelineIsBounded(t *testing.T) {
	t.Parallel()
	s := startAPI(t, chatRoom("c"))
	for n := range 30 {
		call(t, s, "publish", fmt.Sprintf(`{"channel":"c","data":{"id":"m%d","text":%q}}`, n, strings.Repeat("x", 60_000)))
	}
	got := call(t, s, "timeline", `{"channel":"c","limit":100}`)
	if n := strings.Count(got, `{"id":`); n < 10 || n > 20 || !strings.Contains(got, `"more":true`) {
		t.Errorf("got %d messages in %d bytes, want 1 MiB and more", n, len(got))
	}
}
