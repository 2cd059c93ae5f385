package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// The permission matrix: each kind of client tries each action in each kind of room, on each path. The result is compared with an oracle,
// which is a table that is independent of the code.

// answerTo returns the reply to a command. It skips pushes before the reply.
func (c *sdk) answerTo(command string) string {
	c.t.Helper()
	c.sendLine(`{"id":77,%s}`, command)
	for {
		if line := c.line(); strings.HasPrefix(line, `{"id":77,`) {
			return line
		}
	}
}

// may reports whether a command succeeds or is denied. Another error fails the test.
func (c *sdk) may(command string) bool {
	c.t.Helper()
	line := c.answerTo(command)
	denied := strings.HasPrefix(line, `{"id":77,"error":{"code":103,"message":"permission denied`)
	if !denied && strings.Contains(line, `"error"`) {
		c.t.Fatalf("%s: got %s, want success or permission denied", command, line)
	}
	return !denied
}

// The replies about a forbidden room and about a room that does not exist have the same bytes.
func TestAForbiddenRoomLooksLikeAMissingOne(t *testing.T) {
	t.Parallel()
	secret := roomWithHistory("secret:*")
	secret.Subscribe, secret.Publish, secret.SeePresence, secret.ReadHistory = chat.WithToken, chat.WithToken, chat.WithToken, chat.WithToken
	s := startAPI(t, secret)
	member := connectSDK(t, s, tokenOf("bob"))
	call(t, s, "subscribe", `{"user":"bob","channel":"secret:there"}`)
	call(t, s, "publish", `{"channel":"secret:there","data":"x"}`)
	member.line()
	call(t, s, "ban", `{"user":"ann","channel":"open"}`)
	connectSDK(t, s, tokenOf("bob")).enter("open")

	for _, text := range []string{"", tokenOf("ann")} {
		c := connectSDK(t, s, text)
		for _, d := range []chat.Action{chat.ToPublish, chat.ToSeePresence, chat.ToReadHistory} {
			for i, command := range asks(d, "secret:there") {
				there, never := c.answerTo(command), c.answerTo(asks(d, "secret:never")[i])
				if there != never {
					t.Errorf("%s\nexisting room: %s\nmissing room:  %s", command, there, never)
				}
			}
		}
		forms := []string{
			`"subscribe":{"channel":"secret:%s"}`,
			`"subscribe":{"channel":"secret:%s","recover":true,"offset":1,"epoch":"x"}`,
			`"sub_refresh":{"channel":"secret:%s","token":"x"}`,
			`"unsubscribe":{"channel":"secret:%s"}`,
			`"rpc":{"method":"redact","data":{"channel":"secret:%s","offset":1}}`,
		}
		for _, form := range forms {
			there, never := c.answerTo(fmt.Sprintf(form, "there")), c.answerTo(fmt.Sprintf(form, "never"))
			if there != never {
				t.Errorf("%s\nexisting room: %s\nmissing room:  %s", form, there, never)
			}
		}
	}
	// The same holds for plain clients.
	_, there := ask(t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room=secret:there"))
	_, never := ask(t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room=secret:never"))
	if there != never || !strings.Contains(there, "may not join") {
		t.Errorf("existing room: %s\nmissing room: %s", there, never)
	}
	if got := call(t, s, "channels", `{"pattern":"secret:*"}`); !strings.Contains(got, "secret:there") || strings.Contains(got, "never") {
		t.Errorf("got %s, want no room to be created by the requests", got)
	}
}

// The room "#ann" belongs to Ann, with any options of all rooms. Other users can neither read it nor publish in it, unless the application
// subscribed them.
func TestAPersonalRoomIsClosedToOthers(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.Publish, o.SeePresence, o.ReadHistory = chat.Anyone, chat.Anyone, chat.Anyone
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.PersonalRooms, c.Rooms = testSecret, true, []chat.RoomOptions{o}
	})
	connectSDK(t, s, userToken("ann"))
	for _, who := range []struct {
		name, token string
		may         bool
	}{
		{name: "Ann", token: userToken("ann"), may: true},
		{name: "subscribed by the application", token: signed(map[string]any{"sub": "bo", "channels": []string{"#ann"}}), may: true},
		{name: "another user", token: userToken("bo")},
		{name: "a guest"},
	} {
		c := connectSDK(t, s, who.token)
		for d := chat.ToPublish; d < chat.ActionCount; d++ {
			for _, command := range asks(d, "#ann") {
				if got := c.may(command); got != who.may {
					t.Errorf("%s, %s: got %v, want %v", who.name, command, got, who.may)
				}
			}
		}
	}
}
