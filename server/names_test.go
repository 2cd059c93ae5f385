package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// lookalikes are names that look like "lobby", or change the direction of the text around them.
var lookalikes = []string{"lob\u200Bby", "\u202Eybbol", "lobby\u2066", "lobby\u2028", "lobby\U000E0041", "lobby\uFE0F", "\uFEFFlobby"}

// Every input with the name of a room or a guest rejects a name that looks like another.
func TestInvisibleCharactersAreRejectedInAllNames(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(
		fmt.Sprintf(`{"result":{"user":"ann","channels":[%q,"good"],"subs":{%q:{}}}}`, lookalikes[0], lookalikes[1]))})
	s := startHooked(t, a, func(c *Config) {
		c.API.Key, c.Guests = strings.ReplaceAll(testKey, " ", "-"), "on"
		o := roomWithHistory("*")
		o.Presence, o.Publish = true, chat.Anyone
		c.Rooms = []chat.RoomOptions{o}
	})

	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	if line := c.line(); strings.Count(line, `"recoverable"`) != 1 || !strings.Contains(line, `"good":{`) {
		t.Errorf("rooms of a webhook reply: got %s, want only good", line)
	}
	for _, room := range lookalikes {
		if resp, body := ask(t, s.Addr().String(), upgradeRequest("localhost", "/ws?room="+url.QueryEscape(room))); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("/ws, %+q: got %s %q, want 400", room, resp.Status, body)
		}
		subToken := signed(map[string]any{"sub": "ann", "channel": room, "exp": time.Now().Add(time.Hour).Unix()})
		q := `"` + room + `"`
		for _, command := range []string{
			`"subscribe":{"channel":` + q + `}`,
			`"subscribe":{"channel":` + q + `,"token":"` + subToken + `"}`,
			`"publish":{"channel":` + q + `,"data":1}`,
			`"presence":{"channel":` + q + `}`,
			`"presence_stats":{"channel":` + q + `}`,
			`"history":{"channel":` + q + `,"limit":1}`,
		} {
			if got := c.answerTo(command); !strings.Contains(got, `"code":107`) {
				t.Errorf("%s: got %s, want error 107", command, got)
			}
		}
		for method, params := range map[string]string{
			"publish":        `{"channel":` + q + `,"data":1}`,
			"subscribe":      `{"channel":` + q + `,"user":"ann"}`,
			"unsubscribe":    `{"channel":` + q + `,"user":"ann"}`,
			"presence":       `{"channel":` + q + `}`,
			"presence_stats": `{"channel":` + q + `}`,
			"history":        `{"channel":` + q + `}`,
			"history_remove": `{"channel":` + q + `}`,
			"clear_history":  `{"channel":` + q + `}`,
			"kick":           `{"channel":` + q + `,"user":"ann"}`,
			"ban":            `{"channel":` + q + `,"user":"ann"}`,
			"unban":          `{"channel":` + q + `,"user":"ann"}`,
			"mute":           `{"channel":` + q + `,"user":"ann"}`,
			"unmute":         `{"channel":` + q + `,"user":"ann"}`,
			"slow_mode":      `{"channel":` + q + `,"seconds":1}`,
			"redact":         `{"channel":` + q + `,"offset":1}`,
		} {
			wantError(t, s, method, params, 107, "invisible")
		}
		if got := call(t, s, "broadcast", `{"channels":[`+q+`],"data":1}`); !strings.Contains(got, "invisible") {
			t.Errorf("broadcast: got %s", got)
		}
		if resp, text := signIn(t, s, `{"name":`+q+`}`); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "invisible") {
			t.Errorf("guest %+q: got %s %q, want 400", room, resp.Status, text)
		}
	}
	if resp, text := signIn(t, s, `{"name":"Zoë ❤`+"\uFE0F"+`"}`); resp.StatusCode != http.StatusOK {
		t.Errorf("got %s %q, want a guest with an emoji", resp.Status, text)
	}
}

// Names in connection tokens and in patterns.
func TestInvisibleCharactersInTokensAndSettings(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for _, room := range lookalikes {
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{"token":%q}}`, signed(map[string]any{"sub": "ann", "channels": []string{room}, "subs": map[string]any{"x" + room: map[string]any{}}}))
		if line := c.line(); !strings.Contains(line, `"connect":{`) || strings.Contains(line, `"subs"`) {
			t.Errorf("%+q: got %s, want no rooms", room, line)
		}
		cfg := DefaultConfig()
		o := chat.DefaultRoom()
		o.Pattern = room + "*"
		cfg.Rooms = []chat.RoomOptions{o}
		if err := cfg.Validate(); err == nil {
			t.Errorf("pattern %+q is allowed", o.Pattern)
		}
	}
	if got := s.sessions.Rooms.Count(); got > 0 {
		t.Errorf("got %d rooms, want none", got)
	}
}
