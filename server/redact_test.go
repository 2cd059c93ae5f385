package server

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// Notices have places of their own in a history: whatever is redacted, the newest messages that were not are all kept, in a bound,
// and no offset is missing between them.
func TestANoticeTakesNoMessagesPlace(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 2, 3, 7, 50} {
		h := &chat.History{}
		var messages []uint64 // offsets
		for n := range 20_000 {
			if p := h.Find(h.Top - rand.Uint64N(uint64(4*most))); p != nil && !p.Notice && string(p.Data) != string(chat.Redacted) && rand.IntN(8) > 0 {
				h.Redact(p)
				h.Add(&chat.Publication{Data: []byte("notice"), Notice: true}, most)
			} else {
				p := &chat.Publication{Data: fmt.Append(nil, n)}
				h.Add(p, most)
				messages = append(messages, p.Offset)
			}
			for i := range h.Count {
				if got, want := h.At(i).Offset, h.Top-uint64(h.Count-1-i); got != want {
					t.Fatalf("most %d: got offset %d in the place of %d", most, got, want)
				}
			}
			// A message among the newest is not gone, unless it was redacted: those are in a prefix of the newest.
			kept := 0
			for _, offset := range messages[max(0, len(messages)-most):] {
				if p := h.Find(offset); p != nil {
					kept++
				} else if kept > 0 {
					t.Fatalf("most %d: the message of offset %d is not kept, but an older one is", most, offset)
				}
			}
			if h.Of[1] > chat.NoticesPerMessage*most || h.Of[0] > most || len(h.Ring) > (1+chat.NoticesPerMessage+chat.ChangesPerMessage)*most {
				t.Fatalf("most %d: got %d notices and %d messages in %d places", most, h.Of[1], h.Of[0], len(h.Ring))
			}
		}
		h.Clear()
		if h.Of != [3]int{} || h.Bytes != 0 {
			t.Errorf("most %d: got %v publications of %d bytes counted after all was cleared", most, h.Of, h.Bytes)
		}
	}
}

// A message that was not redacted is dropped by newer messages only, however many of the others are redacted.
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
			redactBefore(h.Top + 1)
			add()
		}
		kept := add()
		for i := range most - 1 {
			// All but the one are redacted, those before it and those behind it.
			redactBefore(kept)
			newer := add()
			h.Redact(h.Find(newer))
			h.Add(&chat.Publication{Data: []byte("notice"), Notice: true}, most)
			if p := h.Find(kept); p == nil || string(p.Data) != "1" {
				t.Fatalf("the message is gone after %d newer ones of %d", i+1, most)
			}
		}
		add()
		if h.Find(kept) != nil {
			t.Fatalf("more than %d messages are kept", most)
		}
	}
}

// A notice cannot be redacted, so no chain of them wipes a history.
func TestANoticeIsNotRedactable(t *testing.T) {
	t.Parallel()
	o := roomWithHistory("h:*")
	o.HistorySize = 5
	s := startAPI(t, o)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("h:1")
	for range 5 {
		a.say(`{"id":3,"publish":{"channel":"h:1","data":"hers"}}`)
		a.line()
		a.want(`{"id":3,"publish":{}}`)
	}
	for offset := 1; offset <= 4; offset++ {
		call(t, s, "redact", fmt.Sprintf(`{"channel":"h:1","offset":%d}`, offset))
		a.line()
	}
	redact := func(offset int) string {
		a.say(`{"id":4,"rpc":{"method":"redact","data":{"channel":"h:1","offset":%d}}}`, offset)
		return a.line()
	}
	if got := redact(6); got != `{"id":4,"error":{"code":103,"message":"permission denied"}}` {
		t.Errorf("the application's notice: got %s", got)
	}
	redact(5) // her own
	a.want(`{"id":4,"rpc":{"data":{}}}`)
	if got := redact(10); !strings.Contains(got, `"code":107`) || !strings.Contains(got, "notice") {
		t.Errorf("her own notice: got %s", got)
	}
	wantError(t, s, "redact", `{"channel":"h:1","offset":10}`, 107, "notice")
	told := call(t, s, "history", `{"channel":"h:1","limit":-1}`)
	if n := strings.Count(told, `"redacted":true`); n != 5 {
		t.Errorf("got %d of 5 messages in %s", n, told)
	}
}

// To redact is to publish a notice: it is held to all rates of publications, and one that is refused costs none of them.
func TestRedactIsHeldToTheRates(t *testing.T) {
	t.Parallel()
	rated := roomWithHistory("rated")
	rated.Rate = 1
	s := startAPI(t, rated, roomWithHistory("slow"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("rated")
	a.enter("slow")
	answer := func(command string) string {
		a.say(`{"id":77,%s}`, command)
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
			s.hub.Publish(s.hub.ViewOf(room), chat.Publication{Data: []byte("1"), Form: chat.FormJSON, Info: ann}, chat.PublishOptions{})
		}
	}
	for range 50 {
		if got := redact("rated", 999); !strings.Contains(got, `"code":103`) {
			t.Fatalf("got %s for what is not there", got)
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
		t.Errorf("got %d of 50 redactions at once in a room of one a second", accepted)
	}
	s.hub.Moderation.SlowDown("slow", time.Hour)
	for offset, want := range []string{done, wait, wait} {
		if got := redact("slow", offset+1); got != want {
			t.Errorf("redaction %d in slow mode: got %s, want %s", offset+1, got, want)
		}
	}
	if got := redact("slow", 1); got != wait {
		t.Errorf("a second time: got %s, want %s", got, wait)
	}
}

// identityOf is how others see a user's one connection.
func identityOf(s *Server, user string) *chat.ClientInfo {
	return sessionsOf(s, user)[0].Identity.Load()
}
