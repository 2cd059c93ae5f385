package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

func TestKick(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	a.enter("x")
	b.enter("x")
	wantCall(t, s, "kick", `{"user":"ann","channel":"x"}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"x","unsubscribe":{"code":2000,"reason":"kicked"}}}`)
	a.enter("x") // it may rejoin
	wantCall(t, s, "kick", `{"client":"`+clientOf(t, s, "ann")+`"}`, `{"result":{}}`)
	a.expectCloseCode(3503)
	wantCall(t, s, "presence_stats", `{"channel":"x"}`, `{"result":{"num_clients":1,"num_users":1}}`)
	wantError(t, s, "kick", `{"channel":"x"}`, 107, "user or client")
}

// A banned user is removed at once, and cannot return on any path.
func TestBanFromARoom(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	a.enter("h:1")
	a.enter("h:2")
	b.enter("h:1")
	call(t, s, "publish", `{"channel":"h:1","data":"secret"}`)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"secret","offset":1}}}`)
	b.expectLine(`{"push":{"channel":"h:1","pub":{"data":"secret","offset":1}}}`)
	epoch := epochOf(s.sessions.Hub, "h:1")
	a.sendLine(`{"id":3,"publish":{"channel":"h:1","data":"hers"}}`)
	a.line()
	a.expectLine(`{"id":3,"publish":{}}`)
	b.line()

	wantCall(t, s, "ban", `{"user":"ann","channel":"h:1","seconds":1000}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"h:1","unsubscribe":{"code":2000,"reason":"banned"}}}`)
	denied := fmt.Sprintf(`{"id":9,"error":{"code":103,"message":"permission denied: banned from this room until %s"}}`,
		s.sessions.Moderation.Bans[chat.SanctionKey{User: "ann", Room: "h:1"}].UTC().Format(time.RFC3339))
	token := signed(map[string]any{"sub": "ann", "channel": "h:1"})
	for _, command := range []string{
		`"subscribe":{"channel":"h:1"}`,
		`"subscribe":{"channel":"h:1","token":"` + token + `"}`,
		`"subscribe":{"channel":"h:1","recover":true,"offset":0,"epoch":"` + epoch + `"}`,
		`"publish":{"channel":"h:1","data":1}`,
		`"history":{"channel":"h:1","limit":-1}`,
		`"presence":{"channel":"h:1"}`,
		`"presence_stats":{"channel":"h:1"}`,
		`"rpc":{"method":"redact","data":{"channel":"h:1","offset":2}}`, // her own publication publication publication publication
	} {
		a.sendLine(`{"id":9,%s}`, command)
		a.expectLine(denied)
	}
	wantError(t, s, "subscribe", `{"user":"ann","channel":"h:1"}`, 103, "denied")

	// A connection whose token names the room is not subscribed to it, and a recovery there returns nothing.
	named := dialSDK(t, s, "")
	named.sendLine(`{"id":1,"connect":{"token":%q,"subs":{"h:1":{"recover":true,"offset":0,"epoch":%q}}}}`,
		signed(map[string]any{"sub": "ann", "channels": []string{"h:1", "h:3"}}), epoch)
	if line := named.line(); strings.Contains(line, `"h:1"`) || strings.Contains(line, "secret") || !strings.Contains(line, `"h:3"`) {
		t.Fatalf("got %s, want only h:3", line)
	}
	// Other rooms, and other users in this room, are not affected.
	call(t, s, "publish", `{"channel":"h:2","data":2}`)
	a.expectLine(`{"push":{"channel":"h:2","pub":{"data":2,"offset":1}}}`)
	call(t, s, "publish", `{"channel":"h:1","data":3}`)
	b.expectLine(`{"push":{"channel":"h:1","pub":{"data":3,"offset":3}}}`)

	wantCall(t, s, "unban", `{"user":"ann","channel":"h:1"}`, `{"result":{}}`)
	a.enter("h:1")
}

// A client that was removed from a restricted room cannot return by a recovery.
func TestARemovedMemberCannotRecover(t *testing.T) {
	t.Parallel()
	closed := roomWithHistory("closed")
	closed.Subscribe = chat.Nobody
	s := startAPI(t, closed)
	a := connectSDK(t, s, tokenOf("ann"))
	call(t, s, "publish", `{"channel":"closed","data":1}`)
	call(t, s, "subscribe", `{"user":"ann","channel":"closed"}`)
	epoch := field(t, a.line(), "epoch")
	call(t, s, "unsubscribe", `{"user":"ann","channel":"closed"}`)
	a.line()
	call(t, s, "publish", `{"channel":"closed","data":2}`)
	const denied = `{"id":7,"error":{"code":103,"message":"permission denied"}}`
	a.sendLine(`{"id":7,"subscribe":{"channel":"closed","recover":true,"offset":1,"epoch":%q}}`, epoch)
	a.expectLine(denied)
	a.sendLine(`{"id":7,"history":{"channel":"closed","limit":-1}}`)
	a.expectLine(denied)
	again := dialSDK(t, s, "")
	again.sendLine(`{"id":1,"connect":{"token":%q,"subs":{"closed":{"recover":true,"offset":1,"epoch":%q}}}}`, tokenOf("ann"), epoch)
	if line := again.line(); strings.Contains(line, "closed") {
		t.Fatalf("got %s, want nothing of the room", line)
	}
}

func TestBanFromAllRooms(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	wantCall(t, s, "ban", `{"user":"ann"}`, `{"result":{}}`)
	wantCall(t, s, "presence", `{"channel":"x"}`, `{"result":{"presence":{}}}`) // at once, before she closes her side
	a.expectClose(3507, "banned")
	b.expectClose(3507, "banned")
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, tokenOf("ann"))
	c.expectClose(3507, "banned")
	connectSDK(t, s, tokenOf("bob"))
	wantCall(t, s, "unban", `{"user":"ann","channel":"x"}`, `{"result":{}}`) // there is no such ban
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, tokenOf("ann"))
	c.expectCloseCode(3507)
	wantCall(t, s, "unban", `{"user":"ann"}`, `{"result":{}}`)
	connectSDK(t, s, tokenOf("ann"))
}

func TestMute(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	a.enter("y")
	say := func(room string) string {
		a.sendLine(`{"id":9,"publish":{"channel":%q,"data":1}}`, room)
		line := a.line()
		if strings.Contains(line, `"push"`) {
			line = a.line()
		}
		return line
	}
	const done = `{"id":9,"publish":{}}`
	denied := func(why string) string {
		return `{"id":9,"error":{"code":103,"message":"permission denied: ` + why + `"}}`
	}
	until := time.Now().Add(1000 * time.Second)
	mutedHere := denied("muted in this room until " + until.UTC().Format(time.RFC3339))
	steps := []struct{ method, params, x, y string }{
		{"mute", fmt.Sprintf(`{"user":"ann","channel":"x","until":%d}`, until.Unix()), mutedHere, done},
		{"mute", `{"user":"ann"}`, denied("muted"), denied("muted")},
		{"unmute", `{"user":"ann"}`, mutedHere, done},
		{"mute", `{"user":"ann","channel":"x"}`, denied("muted in this room"), done},
		{"unmute", `{"user":"ann","channel":"x"}`, done, done},
	}
	for _, step := range steps {
		wantCall(t, s, step.method, step.params, `{"result":{}}`)
		if x, y := say("x"), say("y"); x != step.x || y != step.y {
			t.Errorf("%s %s: got %s and %s", step.method, step.params, x, y)
		}
	}
	// A muted user still receives.
	call(t, s, "mute", `{"user":"ann"}`)
	call(t, s, "publish", `{"channel":"x","data":"heard"}`)
	a.expectLine(`{"push":{"channel":"x","pub":{"data":"heard"}}}`)
}

// A muted user may join and receive. It may not redact its publications, because a redaction is a publication too.
func TestAMutedUserStillReceives(t *testing.T) {
	s := startAPI(t, roomWithHistory("*"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	a.sendLine(`{"id":3,"publish":{"channel":"x","data":1}}`)
	a.line()
	a.expectLine(`{"id":3,"publish":{}}`)
	for _, room := range []string{"x", ""} {
		wantCall(t, s, "mute", `{"user":"ann","channel":"`+room+`"}`, `{"result":{}}`)
		c := connectSDK(t, s, tokenOf("ann"))
		c.enter("x")
		c.sendLine(`{"id":4,"rpc":{"method":"redact","data":{"channel":"x","offset":1}}}`)
		if got := c.line(); !strings.Contains(got, `{"id":4,"error":{"code":103,`) {
			t.Errorf("redacted by a muted user: got %s", got)
		}
		call(t, s, "publish", `{"channel":"x","data":2}`)
		if got := c.line(); !strings.Contains(got, `"pub":{"data":2,`) {
			t.Errorf("got %s, want the publication", got)
		}
	}
}

func TestSlowMode(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	now := time.Now()
	clock := make(chan time.Time, 1)
	clock <- now
	s.sessions.Moderation.Mu.Lock()
	s.sessions.Moderation.Now = func() time.Time { at := <-clock; clock <- at; return at }
	s.sessions.Moderation.Mu.Unlock()
	a, again, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, "")
	plain := dial(t, s, "y")
	for _, c := range []*sdk{a, again, b} {
		c.enter("x")
	}
	wantCall(t, s, "slow_mode", `{"channel":"x","seconds":10}`, `{"result":{}}`)
	wantCall(t, s, "slow_mode", `{"channel":"y","seconds":10}`, `{"result":{}}`)
	say := func(c *sdk) string {
		c.sendLine(`{"id":9,"publish":{"channel":"x","data":1}}`)
		for {
			if line := c.line(); strings.HasPrefix(line, `{"id":9,`) {
				return line
			}
		}
	}
	const wait, done = `{"id":9,"error":{"code":111,"message":"too many requests","temporary":true}}`, `{"id":9,"publish":{}}`
	for i, step := range []struct {
		who  *sdk
		want string
	}{{a, done}, {a, wait}, {again, wait}, {b, done}, {b, wait}} { // the connections of a user share the wait; each guest has its own
		if got := say(step.who); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
	<-clock
	clock <- now.Add(10 * time.Second)
	if got := say(again); got != done {
		t.Errorf("after the wait: got %s", got)
	}
	// A shorter slow mode also applies to publishers that wait already.
	wantCall(t, s, "slow_mode", `{"channel":"x","seconds":1000}`, `{"result":{}}`)
	if got := say(again); got != wait {
		t.Errorf("in a slower room: got %s", got)
	}
	wantCall(t, s, "slow_mode", `{"channel":"x","seconds":5}`, `{"result":{}}`)
	<-clock
	clock <- now.Add(15 * time.Second)
	if got := say(again); got != done {
		t.Errorf("in a room that is less slow: got %s", got)
	}
	wantCall(t, s, "slow_mode", `{"channel":"x"}`, `{"result":{}}`)
	if got := say(again); got != done {
		t.Errorf("after slow mode: got %s", got)
	}
	// A plain client cannot get an error reply: it is closed.
	plain.send(ws.OpText, "one")
	plain.expect(ws.OpText, "one")
	plain.send(ws.OpText, "two")
	plain.expectCloseCode(ws.ClosePolicy)
	wantError(t, s, "slow_mode", `{"channel":"x","seconds":-1}`, 107, "seconds")
	wantError(t, s, "slow_mode", `{"channel":"x","seconds":86401}`, 107, "seconds")
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

func TestRevoke(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	now := time.Now().Unix()
	token := func(id string, issued int64) string {
		return signed(map[string]any{"sub": "ann", "jti": id, "iat": issued})
	}
	refused := func(text string) {
		t.Helper()
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{"token":%q}}`, text)
		c.expectCloseCode(3500)
	}
	old, other, bob := connectSDK(t, s, token("1", now-100)), connectSDK(t, s, token("2", now-50)), connectSDK(t, s, tokenOf("bob"))

	// One token.
	wantCall(t, s, "revoke", `{"user":"ann","jti":"1"}`, `{"result":{}}`)
	old.expectCloseCode(3500)
	refused(token("1", now))
	other.enter("x")

	// All tokens issued before a time, also for an old connection with a new token.
	wantCall(t, s, "revoke", fmt.Sprintf(`{"user":"ann","issued_before":%d}`, now-20), `{"result":{}}`)
	other.expectCloseCode(3500)
	refused(token("3", now-21))
	refused(signed(map[string]any{"sub": "ann"})) // without a time of issue
	newer := connectSDK(t, s, token("4", now-20))
	wantCall(t, s, "revoke", fmt.Sprintf(`{"user":"ann","issued_before":%d}`, now-90), `{"result":{}}`)
	refused(token("5", now-50)) // the later time applies
	newer.sendLine(`{"id":8,"subscribe":{"channel":"y","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "y", "iat": now - 50}))
	newer.expectLine(`{"id":8,"error":{"code":103,"message":"permission denied"}}`)
	newer.sendLine(`{"id":9,"refresh":{"token":%q}}`, token("6", now-50))
	newer.expectCloseCode(3500)

	// All until now.
	last := connectSDK(t, s, token("7", now))
	wantCall(t, s, "revoke", `{"user":"ann"}`, `{"result":{}}`)
	last.expectCloseCode(3500)
	refused(token("8", now))
	connectSDK(t, s, token("9", now+3600))
	bob.enter("x")

	wantError(t, s, "revoke", `{}`, 107, "user")
	wantError(t, s, "revoke", `{"user":"ann","jti":"1","issued_before":5}`, 107, "one of them")
	wantError(t, s, "revoke", `{"user":"ann","issued_before":4102444800000}`, 107, "issued_before")
	wantError(t, s, "revoke", `{"user":"ann","expire_at":1}`, 107, "past")
}

// The revocation of a subscription token ends its subscription, even if the connection token is valid.
func TestARevokedTokenEndsItsSubscription(t *testing.T) {
	t.Parallel()
	closed := chat.DefaultRoom()
	closed.Pattern, closed.Subscribe = "closed:*", chat.WithToken
	s := startAPI(t, closed)
	now := time.Now().Unix()
	a := connectSDK(t, s, signed(map[string]any{"sub": "ann", "jti": "own", "iat": now}))
	enter := func(room, jti string, issued int64) {
		t.Helper()
		a.sendLine(`{"id":2,"subscribe":{"channel":%q,"token":%q}}`, room, signed(map[string]any{"sub": "ann", "channel": room, "jti": jti, "iat": issued}))
		a.expectLine(`{"id":2,"subscribe":{}}`)
	}
	enter("closed:1", "1", now-100)
	enter("closed:2", "2", now-50)
	enter("closed:3", "3", now)
	wantCall(t, s, "revoke", `{"user":"ann","jti":"1"}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"closed:1","unsubscribe":{"code":2000,"reason":"token revoked"}}}`)
	a.sendLine(`{"id":3,"sub_refresh":{"channel":"closed:3","token":%q}}`, signed(map[string]any{"sub": "ann", "channel": "closed:3", "jti": "4", "iat": now - 50}))
	a.expectLine(`{"id":3,"sub_refresh":{}}`)
	wantCall(t, s, "revoke", `{"user":"ann","jti":"4"}`, `{"result":{}}`) // the new token counts, not the first
	a.expectLine(`{"push":{"channel":"closed:3","unsubscribe":{"code":2000,"reason":"token revoked"}}}`)
	wantCall(t, s, "revoke", fmt.Sprintf(`{"user":"ann","issued_before":%d}`, now-20), `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"closed:2","unsubscribe":{"code":2000,"reason":"token revoked"}}}`)
	a.enter("x")
}

func TestSanctionsAreChecked(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for _, method := range []string{"ban", "mute"} {
		wantError(t, s, method, `{"channel":"x"}`, 107, "user")
		wantError(t, s, method, `{"user":"u","channel":"\u0001"}`, 107, "channel")
		wantError(t, s, method, `{"user":"u","seconds":-1}`, 107, "seconds")
		wantError(t, s, method, `{"user":"u","seconds":1,"until":1}`, 107, "one of them")
		wantError(t, s, method, `{"user":"u","until":1000}`, 107, "past")
		wantError(t, s, method, `{"user":"u","until":4102444800000}`, 107, "milliseconds")
		wantError(t, s, "un"+method, `{"user":"u","until":1000}`, 107, "neither")
	}
}

func TestModerationListsActiveSanctions(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	until := time.Now().Unix() + 1000
	call(t, s, "ban", `{"user":"b"}`)
	call(t, s, "ban", fmt.Sprintf(`{"user":"a","channel":"x","until":%d}`, until))
	call(t, s, "mute", `{"user":"a","channel":"y"}`)
	call(t, s, "slow_mode", `{"channel":"x","seconds":3}`)
	call(t, s, "revoke", `{"user":"a","jti":"1"}`)
	bans := fmt.Sprintf(`{"user":"a","channel":"x","until":%d}`, until)
	wantCall(t, s, "moderation", `{}`, `{"result":{"bans":[`+bans+`,{"user":"b"}],"mutes":[{"user":"a","channel":"y"}],"slow_mode":{"x":3},"revocations":[{"user":"a","jti":"1"}]}}`)
	wantCall(t, s, "moderation", `{"user":"b"}`, `{"result":{"bans":[{"user":"b"}],"mutes":[],"slow_mode":{"x":3},"revocations":[]}}`)
	wantCall(t, s, "moderation", `{"channel":"y"}`, `{"result":{"bans":[{"user":"b"}],"mutes":[{"user":"a","channel":"y"}],"slow_mode":{},"revocations":[{"user":"a","jti":"1"}]}}`)
}

func TestTheHeartbeatRemovesExpiredSanctions(t *testing.T) {
	c := newCrew(t)
	m, now := c.sessions.Moderation, c.now
	m.Now = func() time.Time { return now }
	m.Ban("ann", "x", now.Add(time.Second))
	c.pass(chat.ExpiryInterval)
	if len(m.Bans) != 1 {
		t.Fatal("an active ban was removed")
	}
	now = now.Add(time.Second)
	c.pass(chat.ExpiryInterval + fanout.TickLength)
	if len(m.Bans) != 0 {
		t.Fatal("an expired ban was kept")
	}
}
