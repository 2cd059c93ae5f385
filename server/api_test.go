package server

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

func TestSubscribeAndUnsubscribe(t *testing.T) {
	t.Parallel()
	closed := roomWithHistory("closed")
	closed.Subscribe, closed.JoinLeave = chat.Nobody, true
	s := startAPI(t, closed)
	a := connectSDK(t, s, tokenOf("ann"))
	client := clientOf(t, s, "ann")
	wantCall(t, s, "subscribe", `{"user":"nobody","channel":"closed"}`, `{"result":{}}`)
	wantCall(t, s, "subscribe", `{"user":"ann","client":"other","channel":"closed"}`, `{"result":{}}`)
	call(t, s, "publish", `{"channel":"closed","data":"before"}`)
	wantCall(t, s, "subscribe", `{"user":"ann","channel":"closed","info":{"role":"op"},"data":"hi"}`, `{"result":{}}`)
	sub := a.line()
	epoch := string(epochOf(s.sessions.Hub, "closed"))
	if want := `{"push":{"channel":"closed","subscribe":{"recoverable":true,"epoch":"` + epoch + `","offset":1,"positioned":true,"data":"hi"}}}`; sub != want {
		t.Fatalf("got  %s\nwant %s", sub, want)
	}
	a.expectLine(`{"push":{"channel":"closed","join":{"info":{"user":"ann","client":"` + client + `","chan_info":{"role":"op"}}}}}`)
	wantCall(t, s, "subscribe", `{"user":"ann","channel":"closed"}`, `{"result":{}}`) // already subscribed: no effect
	wantCall(t, s, "presence", `{"channel":"closed"}`,
		`{"result":{"presence":{"`+client+`":{"user":"ann","client":"`+client+`","chan_info":{"role":"op"}}}}}`)
	wantCall(t, s, "unsubscribe", `{"user":"ann","channel":"closed"}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"closed","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}`)
	wantCall(t, s, "presence", `{"channel":"closed"}`, `{"result":{"presence":{}}}`)
	wantCall(t, s, "unsubscribe", `{"client":"`+client+`","channel":"closed"}`, `{"result":{}}`) // no effect

	// Only one connection, with recovery.
	wantCall(t, s, "subscribe", `{"client":"`+client+`","channel":"closed","recover_since":{"offset":0,"epoch":"`+epoch+`"}}`, `{"result":{}}`)
	if line := a.line(); !strings.Contains(line, `"subscribe":{"recoverable":true,`) || strings.Contains(line, `"offset"`) {
		t.Fatalf("got %s, want offset 0 at the beginning", line)
	}
	if got := times.ReplaceAllString(a.line(), ""); got != `{"push":{"channel":"closed","pub":{"data":"before","offset":1}}}` {
		t.Fatalf("got %s, want the publication with a time", got)
	}
	if line := a.line(); !strings.Contains(line, `"join"`) {
		t.Fatalf("got %s, want its join", line)
	}
	call(t, s, "publish", `{"channel":"closed","data":"after"}`)
	a.expectLine(`{"push":{"channel":"closed","pub":{"data":"after","offset":2}}}`)

	wantError(t, s, "subscribe", `{"channel":"closed"}`, 107, "user or client")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"closed","data":1,"b64data":"Mg=="}`, 107, "data and b64data")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"closed","info":1,"b64info":"Mg=="}`, 107, "info and b64info")
	wantError(t, s, "subscribe", `{"user":"ann"}`, 107, "channel")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","expire_at":5}`, 107, "past")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","expire_at":4102444800000}`, 107, "milliseconds")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","b64info":"!"}`, 107, "b64info")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","session":"s"}`, 107, "session")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","override":{"presence":{"value":true}}}`, 107, "override")
}

func TestSubscribeStopsAtTheLimits(t *testing.T) {
	t.Parallel()
	small := chat.DefaultRoom()
	small.Pattern, small.MaxMembers = "small", 1
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.API.Key, c.Rooms, c.MaxRooms = testSecret, "0123456789abcdef", []chat.RoomOptions{small}, 1
	})
	a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	a.enter("small")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x"}`, 106, "max-rooms")
	wantError(t, s, "subscribe", `{"user":"bob","channel":"small"}`, 106, "limit")
	// The next line is the reply to bob's command, so no push came before it.
	b.sendLine(`{"id":7,"subscribe":{"channel":"small"}}`)
	b.expectLine(`{"id":7,"error":{"code":106,"message":"limit exceeded"}}`)
	b.enter("x")
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for params, code := range map[string]ws.CloseCode{
		`{"user":"ann"}`: 3503,
		`{"user":"ann","disconnect":{"code":4001}}`:               4001,
		`{"user":"ann","disconnect":{"code":4999,"reason":"go"}}`: 4999,
	} {
		a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
		wantCall(t, s, "disconnect", params, `{"result":{}}`)
		a.expectCloseCode(code)
		b.enter("x") // other connections are not affected
	}
	a := connectSDK(t, s, tokenOf("cid"))
	client := clientOf(t, s, "cid")
	wantCall(t, s, "disconnect", `{"user":"cid","whitelist":["`+client+`"]}`, `{"result":{}}`)
	wantCall(t, s, "disconnect", `{"user":"dan","client":"`+client+`"}`, `{"result":{}}`)
	a.enter("x")
	wantCall(t, s, "disconnect", `{"client":"`+client+`"}`, `{"result":{}}`)
	a.expectCloseCode(3503)
	wantError(t, s, "disconnect", `{}`, 107, "user or client")
	for _, code := range []int{1000, 3503, 3999, 5000, -1} {
		wantError(t, s, "disconnect", fmt.Sprintf(`{"user":"ann","disconnect":{"code":%d}}`, code), 107, "disconnect.code")
	}
	wantError(t, s, "disconnect", `{"user":"ann","disconnect":{"code":4000,"reason":"{}"}}`, 107, "disconnect.reason")
	wantError(t, s, "disconnect", `{"user":"ann","disconnect":{"reason":"`+strings.Repeat("x", 124)+`"}}`, 107, "disconnect.reason")
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	wantCall(t, s, "refresh", fmt.Sprintf(`{"user":"ann","expire_at":%d}`, time.Now().Unix()+1000), `{"result":{}}`)
	if line := a.line(); !strings.HasPrefix(line, `{"push":{"refresh":{"expires":true,"ttl":`) {
		t.Fatalf("got %s, want the time of the expiry", line)
	}
	wantCall(t, s, "refresh", `{"user":"ann"}`, `{"result":{}}`)
	a.expectLine(`{"push":{"refresh":{}}}`)
	wantCall(t, s, "refresh", `{"user":"ann","expired":true}`, `{"result":{}}`)
	a.expectCloseCode(3005)
	wantError(t, s, "refresh", `{"user":"ann","expire_at":1}`, 107, "past")
}

// times matches the times of publications.
var times = regexp.MustCompile(`,"time":[0-9]{13}`)

func TestPresenceAndHistory(t *testing.T) {
	t.Parallel()
	dark := roomWithHistory("dark")
	dark.Presence = false
	s := startAPI(t, dark, roomWithHistory("h:*"))
	wantCall(t, s, "presence", `{"channel":"h:1"}`, `{"result":{"presence":{}}}`)
	wantCall(t, s, "presence_stats", `{"channel":"h:1"}`, `{"result":{"num_clients":0,"num_users":0}}`)
	began := field(t, call(t, s, "history", `{"channel":"h:1"}`), "epoch") // before the first member
	wantCall(t, s, "history", `{"channel":"h:1"}`, `{"result":{"epoch":"`+began+`","offset":0,"publications":[]}}`)
	for range 2 {
		connectSDK(t, s, tokenOf("ann")).enter("h:1")
	}
	connectSDK(t, s, "").enter("h:1")
	wantCall(t, s, "presence_stats", `{"channel":"h:1"}`, `{"result":{"num_clients":3,"num_users":2}}`)
	for i := range 3 {
		call(t, s, "publish", fmt.Sprintf(`{"channel":"h:1","data":%d}`, i+1))
	}
	epoch := epochOf(s.sessions.Hub, "h:1")
	if began != epoch {
		t.Errorf("the empty history has epoch %q, the later publications have %q", began, epoch)
	}
	page := func(params, pubs string) {
		t.Helper()
		got := call(t, s, "history", `{"channel":"h:1"`+params+`}`)
		if n := len(times.FindAllString(got, -1)); n != strings.Count(got, `"data"`) {
			t.Errorf("got %s, want the time of each publication", got)
		}
		if want := `{"result":{"epoch":"` + epoch + `","offset":3,"publications":[` + pubs + `]}}`; times.ReplaceAllString(got, "") != want {
			t.Errorf("%s\ngot  %s\nwant %s and times", params, got, want)
		}
	}
	page(``, ``)
	page(`,"limit":1`, `{"data":1,"offset":1}`)
	page(`,"limit":1,"reverse":true`, `{"data":3,"offset":3}`)
	page(`,"limit":-1,"since":{"offset":1,"epoch":"`+epoch+`"}`, `{"data":2,"offset":2},{"data":3,"offset":3}`)
	wantError(t, s, "history", `{"channel":"h:1","since":{"offset":1,"epoch":"other"}}`, 112, "unrecoverable")
	wantCall(t, s, "history_remove", `{"channel":"h:1"}`, `{"result":{}}`)
	page(`,"limit":-1`, ``)
	wantError(t, s, "history", `{"channel":"x"}`, 108, "not available: history is off in this channel: set history-size")
	wantError(t, s, "history_remove", `{"channel":"x"}`, 108, "not available: history is off in this channel: set history-size")
	wantError(t, s, "presence", `{"channel":"dark"}`, 108, "not available: presence is off in this channel: set presence")
	wantError(t, s, "presence_stats", `{"channel":"dark"}`, 108, "not available")
}

func TestChannelsAndInfo(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	wantCall(t, s, "channels", `{}`, `{"result":{"channels":{}}}`)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("chat/1")
	a.enter("chat:2")
	dial(t, s, "chat:2")
	call(t, s, "publish", `{"channel":"h:1","data":1}`) // a history and no member
	wantCall(t, s, "channels", ``, `{"result":{"channels":{"chat/1":{"num_clients":1},"chat:2":{"num_clients":2}}}}`)
	wantCall(t, s, "channels", `{"pattern":"c*1"}`, `{"result":{"channels":{"chat/1":{"num_clients":1}}}}`)
	wantCall(t, s, "channels", `{"pattern":"chat[:/]?"}`, `{"result":{"channels":{"chat/1":{"num_clients":1},"chat:2":{"num_clients":2}}}}`)
	wantCall(t, s, "channels", `{"pattern":"x*"}`, `{"result":{"channels":{}}}`)
	wantError(t, s, "channels", `{"pattern":"[a"}`, 107, "pattern")
	wantError(t, s, "channels", `{"pattern":"{a,b}"}`, 107, "braces")
	if got := call(t, s, "info", ``); !strings.Contains(got, `"num_clients":2,"num_users":1,"num_subs":3,"num_channels":2,`) {
		t.Errorf("got %s", got)
	}
}

func TestInfoHasTheVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"1.2.3": "1.2.3", "": "throng"} {
		s := startServer(t, func(c *Config) { c.Version, c.API.Key = version, strings.ReplaceAll(testKey, " ", "-") })
		if got := call(t, s, "info", ``); !strings.Contains(got, `"version":"`+want+`"`) {
			t.Errorf("got %s, want version %s", got, want)
		}
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	wantCall(t, s, "batch", `{"parallel":true,"commands":[{"publish":{"channel":"x","data":1}},{"publish":{"channel":"x"}},{"publish":{"channel":"x","data":1,"b64data":"Mg=="}},{"nothing":{}},{"batch":{}},{},{"presence_stats":{"channel":"x"}}]}`,
		`{"replies":[{"publish":{}},`+
			`{"error":{"code":107,"message":"bad request: data or b64data: want one of them"}},`+
			`{"error":{"code":107,"message":"bad request: data and b64data: want one of them, not both"}},`+
			`{"error":{"code":104,"message":"method not found: \"nothing\"; no similar name"}},`+
			`{"error":{"code":107,"message":"bad request: want no batch in a batch"}},`+
			`{"error":{"code":107,"message":"bad request: want a command of one method and its parameters: {\"publish\":{}}"}},`+
			`{"presence_stats":{"num_clients":1,"num_users":1}}]}`)
	a.expectLine(`{"push":{"channel":"x","pub":{"data":1}}}`)
	wantCall(t, s, "batch", `{"commands":[]}`, `{"replies":[]}`)
}
