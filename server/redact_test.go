package server

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// Notices have their own bound in a history: for any redactions, the newest messages that were not redacted are kept, and no offset between
// them is missing.
func TestNoticesDoNotUseTheMessageRate(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 2, 3, 7, 50} {
		h := &chat.History{}
		var messages []uint64 // offsets
		for n := range 20_000 {
			if p := h.Find(h.LastOffset - rand.Uint64N(uint64(4*most))); p != nil && !p.Notice && string(p.Data) != string(chat.Redacted) && rand.IntN(8) > 0 {
				h.Redact(p)
				h.Add(&chat.Publication{Data: []byte("notice"), Notice: true}, most)
			} else {
				p := &chat.Publication{Data: fmt.Append(nil, n)}
				h.Add(p, most)
				messages = append(messages, p.Offset)
			}
			for i := range h.Count {
				if got, want := h.At(i).Offset, h.LastOffset-uint64(h.Count-1-i); got != want {
					t.Fatalf("most %d: got offset %d in the place of %d", most, got, want)
				}
			}
			// Each of the newest messages is kept, unless it was redacted.
			kept := 0
			for _, offset := range messages[max(0, len(messages)-most):] {
				if p := h.Find(offset); p != nil {
					kept++
				} else if kept > 0 {
					t.Fatalf("most %d: the message of offset %d is not kept, but an older one is", most, offset)
				}
			}
			if h.Kinds[1] > chat.NoticesPerMessage*most || h.Kinds[0] > most || len(h.Ring) > (1+chat.NoticesPerMessage+chat.ChangesPerMessage)*most {
				t.Fatalf("most %d: got %d notices and %d messages in %d places", most, h.Kinds[1], h.Kinds[0], len(h.Ring))
			}
		}
		h.Clear()
		if h.Kinds != [3]int{} || h.Bytes != 0 {
			t.Errorf("most %d: got %v publications of %d bytes counted after all was cleared", most, h.Kinds, h.Bytes)
		}
	}
}

// Only newer messages evict a message, for any number of redactions of other messages.
func TestRedactionsDropNoMessage(t *testing.T) {
	t.Parallel()
	const most = 10
	h := &chat.History{}
	redactBefore := func(offset uint64) {
		for o := offset - min(offset-1, 3*most); o < offset; o++ {
			if p := h.Find(o); p != nil && !p.Notice && string(p.Data) != string(chat.Redacted) {
				h.Redact(p)
				h.Add(&chat.Publication{Data: []byte("notice"), Notice: true}, most)
			}
		}
	}
	add := func() uint64 {
		p := &chat.Publication{Data: []byte("1")}
		h.Add(p, most)
		return p.Offset
	}
	for range 1000 {
		for range most {
			redactBefore(h.LastOffset + 1)
			add()
		}
		kept := add()
		for i := range most - 1 {
			// All other messages are redacted, earlier and later ones.
			redactBefore(kept)
			newer := add()
			h.Redact(h.Find(newer))
			h.Add(&chat.Publication{Data: []byte("notice"), Notice: true}, most)
			if p := h.Find(kept); p == nil || string(p.Data) != "1" {
				t.Fatalf("the message was evicted after %d newer ones of %d", i+1, most)
			}
		}
		add()
		if h.Find(kept) != nil {
			t.Fatalf("more than %d messages are kept", most)
		}
	}
}

// A notice cannot be redacted, so that a chain of notices cannot clear a history.
func TestANoticeIsNotRedactable(t *testing.T) {
	t.Parallel()
	o := roomWithHistory("h:*")
	o.HistorySize = 5
	s := startAPI(t, o)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("h:1")
	for range 5 {
		a.sendLine(`{"id":3,"publish":{"channel":"h:1","data":"hers"}}`)
		a.line()
		a.expectLine(`{"id":3,"publish":{}}`)
	}
	for offset := 1; offset <= 4; offset++ {
		call(t, s, "redact", fmt.Sprintf(`{"channel":"h:1","offset":%d}`, offset))
		a.line()
	}
	redact := func(offset int) string {
		a.sendLine(`{"id":4,"rpc":{"method":"redact","data":{"channel":"h:1","offset":%d}}}`, offset)
		return a.line()
	}
	if got := redact(6); got != `{"id":4,"error":{"code":103,"message":"permission denied"}}` {
		t.Errorf("the application's notice: got %s", got)
	}
	redact(5) // her own publication publication publication publication
	a.expectLine(`{"id":4,"rpc":{"data":{}}}`)
	if got := redact(10); !strings.Contains(got, `"code":107`) || !strings.Contains(got, "notice") {
		t.Errorf("her own notice: got %s", got)
	}
	wantError(t, s, "redact", `{"channel":"h:1","offset":10}`, 107, "notice")
	told := call(t, s, "history", `{"channel":"h:1","limit":-1}`)
	if n := strings.Count(told, `"redacted":true`); n != 5 {
		t.Errorf("got %d of 5 messages in %s", n, told)
	}
}

// A redaction publishes a notice, so all rates of publications apply to it. A rejected redaction uses no rate.
func TestRedactHasTheRates(t *testing.T) {
	t.Parallel()
	rated := roomWithHistory("rated")
	rated.Rate = 1
	s := startAPI(t, rated, roomWithHistory("slow"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("rated")
	a.enter("slow")
	answer := func(command string) string {
		a.sendLine(`{"id":77,%s}`, command)
		for {
			if line := a.line(); strings.HasPrefix(line, `{"id":77,`) {
				return line
			}
		}
	}
	redact := func(room string, offset int) string {
		return answer(fmt.Sprintf(`"rpc":{"method":"redact","data":{"channel":%q,"offset":%d}}`, room, offset))
	}
	const done, wait = `{"id":77,"rpc":{"data":{}}}`, `{"id":77,"error":{"code":111,"message":"too many requests","temporary":true}}`
	ann := identityOf(s, "ann")
	for _, room := range []string{"rated", "slow"} {
		for range 100 {
			s.hub.Publish(s.hub.RoomRef(room), chat.Publication{Data: []byte("1"), Form: chat.FormJSON, Info: ann}, chat.PublishOptions{})
		}
	}
	for range 50 {
		if got := redact("rated", 999); !strings.Contains(got, `"code":103`) {
			t.Fatalf("got %s for a missing publication", got)
		}
	}
	accepted := 0
	for offset := range 50 {
		switch got := redact("rated", offset+1); got {
		case done:
			accepted++
		case wait:
		default:
			t.Fatalf("got %s", got)
		}
	}
	if accepted < 2 || accepted > 25 {
		t.Errorf("got %d of 50 redactions at once in a room with one per second", accepted)
	}
	s.hub.Moderation.SetSlowMode("slow", time.Hour)
	for offset, want := range []string{done, wait, wait} {
		if got := redact("slow", offset+1); got != want {
			t.Errorf("redaction %d in slow mode: got %s, want %s", offset+1, got, want)
		}
	}
	if got := redact("slow", 1); got != wait {
		t.Errorf("a second time: got %s, want %s", got, wait)
	}
}

// identityOf returns the client info of the only connection of a user.
func identityOf(s *Server, user string) *chat.ClientInfo {
	return sessionsOf(s, user)[0].Identity.Load()
}
