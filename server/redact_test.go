package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

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
			s.sessions.Publish(s.sessions.RoomRef(room), chat.Publication{Data: []byte("1"), Form: chat.FormJSON, Info: ann}, chat.PublishOptions{})
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
	s.sessions.Moderation.SetSlowMode("slow", time.Hour)
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
