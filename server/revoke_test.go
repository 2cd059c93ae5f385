package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

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

// A revocation without a time includes the tokens of the second of the call. A call that ends in another second does not show that.
func TestARevocationIncludesItsSecond(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for second := int64(0); second != time.Now().Unix(); {
		second = time.Now().Unix()
		text := signed(map[string]any{"sub": fmt.Sprint(second), "iat": second})
		c := connectSDK(t, s, text)
		wantCall(t, s, "revoke", fmt.Sprintf(`{"user":"%d"}`, second), `{"result":{}}`)
		c.expectCloseCode(3500)
		again := dialSDK(t, s, "")
		again.sendLine(`{"id":1,"connect":{"token":%q}}`, text)
		again.expectCloseCode(3500)
	}
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
