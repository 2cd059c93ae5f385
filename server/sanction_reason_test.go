package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// A user gets the reason of a ban or a mute with each text about it, until the sanction has another one.
func TestASanctionedUserReceivesTheReason(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	until := time.Now().Add(time.Hour)
	end := until.UTC().Format(time.RFC3339)
	a.enter("x")
	wantCall(t, s, "ban", fmt.Sprintf(`{"user":"ann","channel":"x","until":%d,"reason":"spam: until 2031-01-01T00:00:00Z"}`, until.Unix()), `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"x","unsubscribe":{"code":2000,"reason":"banned: spam: until 2031-01-01T00:00:00Z"}}}`)
	denied := func(why string) string {
		return `{"id":9,"error":{"code":103,"message":"permission denied: ` + why + `"}}`
	}
	subscribe := func(want string) {
		t.Helper()
		a.sendLine(`{"id":9,"subscribe":{"channel":"x"}}`)
		a.expectLine(want)
	}
	subscribe(denied("banned from this room until " + end + ": spam: until 2031-01-01T00:00:00Z"))
	wantCall(t, s, "moderation", `{}`, fmt.Sprintf(`{"result":{"bans":[{"user":"ann","channel":"x","until":%d,"reason":"spam: until 2031-01-01T00:00:00Z"}],"mutes":[],"slow_mode":{},"revocations":[]}}`, until.Unix()))
	wantCall(t, s, "ban", `{"user":"ann","channel":"x","reason":"links"}`, `{"result":{}}`)
	subscribe(denied("banned from this room: links"))
	wantCall(t, s, "ban", `{"user":"ann","channel":"x"}`, `{"result":{}}`)
	subscribe(denied("banned from this room"))
	wantCall(t, s, "unban", `{"user":"ann","channel":"x"}`, `{"result":{}}`)
	wantCall(t, s, "mute", `{"user":"ann","reason":"too \"loud\""}`, `{"result":{}}`)
	a.enter("x")
	a.sendLine(`{"id":9,"publish":{"channel":"x","data":1}}`)
	a.expectLine(denied(`muted: too \"loud\"`))
}

// A close frame has at most 123 bytes of text: the reason is cut at a character. An HTTP stream has all of it.
func TestABannedConnectionReceivesTheReason(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	why := strings.Repeat("茶", chat.MaxSanctionReason/3)
	wantCall(t, s, "ban", `{"user":"ann","reason":"`+why+`"}`, `{"result":{}}`)
	cut := "banned: " + strings.Repeat("茶", (123-len("banned: "))/3)
	a.expectClose(3507, cut)
	again := dialSDK(t, s, "")
	again.sendLine(`{"id":1,"connect":{"token":%q}}`, tokenOf("ann"))
	again.expectClose(3507, cut)
	openStream(t, s, "POST", "/connection/uni_http_stream", fmt.Sprintf(`{"token":%q}`, tokenOf("ann"))).
		expectEnd(`{"disconnect":{"code":3507,"reason":"banned: ` + why + `"}}`)
}

func TestReasonsAreChecked(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for _, method := range []string{"ban", "mute"} {
		wantError(t, s, method, `{"user":"u","reason":"`+strings.Repeat("x", chat.MaxSanctionReason+1)+`"}`, 107, "reason: found 257 bytes, allowed: 256")
		wantError(t, s, method, `{"user":"u","reason":"a\u0007"}`, 107, "control character U+0007")
		wantError(t, s, "un"+method, `{"user":"u","reason":"x"}`, 107, "reason: want none")
		wantCall(t, s, method, `{"user":"u","reason":"`+strings.Repeat("x", chat.MaxSanctionReason)+`"}`, `{"result":{}}`)
	}
	wantError(t, s, "kick", `{"user":"u","reason":"x"}`, 107, "reason")
}

// The reasons of moderators leave half of the bytes to the application, which gets an error when all are used.
func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rosterRooms("team:*"))
	owner := connectSDK(t, s, tokenOf("owner"))
	owner.wantRPC("room_create", `{"channel":"team:a"}`, `{}`)
	m, why := s.sessions.Moderation, strings.Repeat("x", chat.MaxSanctionReason)
	fill := func(from, to int) {
		for n := from; n < to; n += len(why) {
			m.Ban(fmt.Sprint("user", n), "team:a", chat.Term{Reason: why})
		}
	}
	fill(0, chat.MaxModeratorReasons)
	if got := owner.rpc("silence", `{"channel":"team:a","user":"ann","reason":"x"}`); !strings.Contains(got, `"code":106`) || !strings.Contains(got, "leave it out") {
		t.Errorf("a reason beyond the share of moderators: got %s", got)
	}
	owner.wantRPC("silence", `{"channel":"team:a","user":"ann"}`, `{}`)
	owner.wantRPC("ban", `{"channel":"team:a","user":"user0","reason":"shorter"}`, `{}`)
	wantCall(t, s, "ban", `{"user":"user0","channel":"team:a","reason":"`+why+`"}`, `{"result":{}}`)
	fill(chat.MaxModeratorReasons, chat.MaxReasonBytes)
	wantError(t, s, "ban", `{"user":"ann","reason":"x"}`, 106, "the reasons of the active bans and mutes have 4194304 bytes")
	wantCall(t, s, "ban", `{"user":"ann"}`, `{"result":{}}`)
	wantCall(t, s, "unban", `{"user":"user0","channel":"team:a"}`, `{"result":{}}`)
	wantCall(t, s, "ban", `{"user":"ann","reason":"`+why+`"}`, `{"result":{}}`)
}
