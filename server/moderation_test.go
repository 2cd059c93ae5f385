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
		s.sessions.Moderation.Bans[chat.SanctionKey{User: "ann", Room: "h:1"}].Until.UTC().Format(time.RFC3339))
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
	m.Ban("ann", "x", chat.Term{Until: now.Add(time.Second)})
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
