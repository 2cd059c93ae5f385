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
	accepted, start := 0, time.Now()
	for offset := range 50 {
		switch got := redact("rated", offset+1); got {
		case done:
			accepted++
		case wait:
		default:
			t.Fatalf("got %s", got)
		}
	}
	if most := mostAccepted(1, start); accepted < 2 || accepted > most {
		t.Errorf("got %d of 50 redactions in a room with one per second, want 2 to %d", accepted, most)
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

func TestRedact(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	epoch := field(t, a.enter("h:1"), "epoch")
	b.enter("h:1")
	hear := func(line string) {
		t.Helper()
		a.expectLine(line)
		b.expectLine(line)
	}
	call(t, s, "publish", `{"channel":"h:1","data":"the application's","tags":{"secret":"tag"}}`)
	hear(`{"push":{"channel":"h:1","pub":{"data":"the application's","offset":1,"tags":{"secret":"tag"}}}}`)
	a.sendLine(`{"id":3,"publish":{"channel":"h:1","data":"ann's secret"}}`)
	of := fmt.Sprintf(`"info":{"user":"ann","client":%q}`, clientOf(t, s, "ann"))
	hear(`{"push":{"channel":"h:1","pub":{"data":"ann's secret",` + of + `,"offset":2}}}`)
	a.expectLine(`{"id":3,"publish":{}}`)

	redact := func(c *sdk, data string) { c.sendLine(`{"id":4,"rpc":{"method":"redact","data":%s}}`, data) }
	const denied = `{"id":4,"error":{"code":103,"message":"permission denied"}}`
	for _, data := range []string{`{"channel":"h:1","offset":2}`, `{"channel":"h:1","offset":1}`, `{"channel":"h:1","offset":7}`} {
		redact(b, data) // not its own, or not there: which, it does not learn
		b.expectLine(denied)
	}
	redact(a, `{"channel":"h:1","offset":2,"epoch":"other"}`)
	a.expectLine(denied)
	redact(a, `{"channel":"h:1"}`)
	a.expectLine(`{"id":4,"error":{"code":107,"message":"bad request"}}`)
	redact(a, `{"channel":"h:1","offset":2,"epoch":"`+epoch+`"}`)
	hear(`{"push":{"channel":"h:1","pub":{"data":{"type":"redact","offset":2},` + of + `,"offset":3}}}`)
	a.expectLine(`{"id":4,"rpc":{"data":{}}}`)
	redact(a, `{"channel":"h:1","offset":2}`) // the second time has no effect
	a.expectLine(`{"id":4,"rpc":{"data":{}}}`)

	wantCall(t, s, "redact", `{"channel":"h:1","offset":1}`, `{"result":{}}`)
	hear(`{"push":{"channel":"h:1","pub":{"data":{"type":"redact","offset":1},"offset":4}}}`)
	wantError(t, s, "redact", `{"channel":"h:1","offset":9}`, 107, "no publication")
	wantError(t, s, "redact", `{"channel":"x","offset":1}`, 108, "not available")

	// Neither history nor recovery returns it.
	gone := `{"data":{"redacted":true},"offset":1},{"data":{"redacted":true},` + of + `,"offset":2}`
	for what, told := range map[string]string{
		"history": call(t, s, "history", `{"channel":"h:1","limit":-1}`),
		"recovery": func() string {
			c := connectSDK(t, s, tokenOf("cid"))
			c.sendLine(`{"id":2,"subscribe":{"channel":"h:1","recover":true,"epoch":%q}}`, epoch)
			return c.line()
		}(),
	} {
		if !strings.Contains(times.ReplaceAllString(told, ""), gone) || strings.Contains(told, "secret") || strings.Contains(told, "application") {
			t.Errorf("%s returns %s", what, told)
		}
	}
	bytes, want := 0, chat.HistoryOverhead
	r, unlock := s.sessions.Rooms.Find("h:1")
	h := &r.History
	for i := range h.Count {
		want += h.At(i).Memory() + chat.PublicationOverhead
	}
	_, bytes, _ = s.sessions.HistoryBudget.Counts()
	unlock()
	if bytes != want || h.Bytes != want {
		t.Errorf("got %d bytes counted in all, %d of the room, want %d", bytes, h.Bytes, want)
	}
}

// A subscription with deltas continues as without the redaction.
func TestRedactDoesNotBreakDeltas(t *testing.T) {
	t.Parallel()
	o := roomWithHistory("h:*")
	o.Delta = true
	s := startAPI(t, o)
	a := connectSDK(t, s, tokenOf("ann"))
	a.sendLine(`{"id":2,"subscribe":{"channel":"h:1","delta":"fossil"}}`)
	a.line()
	long := strings.Repeat("the same words again ", 20)
	call(t, s, "publish", `{"channel":"h:1","data":"`+long+`1"}`)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"\"` + long + `1\"","offset":1}}}`)
	call(t, s, "redact", `{"channel":"h:1","offset":1}`)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"{\"type\":\"redact\",\"offset\":1}","offset":2}}}`)
	call(t, s, "publish", `{"channel":"h:1","data":"`+long+`2"}`)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"\"` + long + `2\"","offset":3}}}`)
}

// A client without a user can only redact publications of its own connection.
func TestAClientWithoutAUserRedactsOnlyItsOwn(t *testing.T) {
	s := startAPI(t, roomWithHistory("*"))
	a, b := connectSDK(t, s, ""), connectSDK(t, s, "")
	a.enter("x")
	a.sendLine(`{"id":3,"publish":{"channel":"x","data":"hers"}}`)
	a.line()
	a.expectLine(`{"id":3,"publish":{}}`)
	b.enter("x")
	const redact = `{"id":4,"rpc":{"method":"redact","data":{"channel":"x","offset":1}}}`
	b.sendLine(redact)
	b.expectLine(`{"id":4,"error":{"code":103,"message":"permission denied"}}`)
	if got := call(t, s, "history", `{"channel":"x","limit":-1}`); !strings.Contains(got, "hers") {
		t.Errorf("got %s, want no redaction by another client", got)
	}
	a.sendLine(redact)
	if got := a.line(); !strings.Contains(got, `{"type":"redact","offset":1}`) {
		t.Errorf("got %s, want the notice of the redaction", got)
	}
	a.expectLine(`{"id":4,"rpc":{"data":{}}}`)
	if got := call(t, s, "history", `{"channel":"x","limit":-1}`); strings.Contains(got, "hers") {
		t.Errorf("got %s, want it redacted by its author", got)
	}
}
