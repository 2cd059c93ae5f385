package server

import (
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

func typingRooms(t *testing.T) *Server {
	team, tokens, typing := rosterRooms("team:*"), chatRoom("deal:*"), chat.DefaultRoom()
	tokens.Subscribe = chat.WithToken
	typing.Pattern, typing.Subscribe, typing.Publish, typing.SeePresence, typing.ReadHistory = "typing:*", chat.SignedIn, chat.Anyone, chat.Anyone, chat.Anyone
	typing.HistorySize, typing.HistoryTTL = 10, chat.MaxHistoryTTL
	s := startAPI(t, team, tokens, chatRoom("dialog#*"), typing)
	call(t, s, "members_add", `{"channel":"team:a","users":["ann","bob","cleo","dora","mute"]}`)
	call(t, s, "mute", `{"channel":"team:a","user":"mute"}`)
	return s
}

// The permissions of a room hold in its room for typing as well.
func TestARoomForTypingHasThePermissionsOfItsRoom(t *testing.T) {
	t.Parallel()
	s := typingRooms(t)
	eve, ann, mute := connectSDK(t, s, tokenOf("eve")), connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("mute"))
	for _, command := range []string{
		`"subscribe":{"channel":"typing:team:a"}`, `"publish":{"channel":"typing:team:a","data":{"type":"typing"}}`, `"presence":{"channel":"typing:team:a"}`,
		`"history":{"channel":"typing:team:a"}`, `"subscribe":{"channel":"typing:typing:team:a"}`, `"subscribe":{"channel":"typing:deal:a"}`,
		`"subscribe":{"channel":"typing:$deal"}`, `"subscribe":{"channel":"typing:dialog#ann,bob"}`,
	} {
		if eve.may(command) {
			t.Errorf("a stranger may %s", command)
		}
		if member := strings.Contains(command, "team:a") || strings.Contains(command, "dialog"); ann.may(command) != member {
			t.Errorf("a member may %s: got %v, want %v", command, !member, member)
		}
	}
	if got := eve.answerTo(`"subscribe":{"channel":"typing:dialog#eve,bob"}`); !strings.Contains(got, `\"dialog#bob,eve\"`) {
		t.Errorf("a direct room in another order: got %s", got)
	}
	for _, room := range []string{"typing:elsewhere", "typing:"} {
		if !eve.may(`"subscribe":{"channel":"` + room + `"}`) {
			t.Errorf("%s: denied, want the options of typing:* only", room)
		}
	}
	token := signed(map[string]any{"sub": "eve", "channel": "typing:deal:b"})
	if got := eve.answerTo(`"subscribe":{"channel":"typing:deal:b","token":"` + token + `"}`); strings.Contains(got, "error") {
		t.Errorf("with a token for the room for typing: got %s", got)
	}
	mute.enter("typing:team:a")
	if got := mute.publishIn("typing:team:a", `{"type":"typing"}`); !strings.Contains(got, "muted in this room") {
		t.Errorf("a muted user types: got %s", got)
	}
	if _, got := ask(t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room=typing:team:a")); !strings.Contains(got, "may not join") {
		t.Errorf("a plain client: got %s", got)
	}
	if got := call(t, s, "publish", `{"channel":"typing:team:a","data":1}`); strings.Contains(got, "error") {
		t.Errorf("the application: got %s", got)
	}
}

// A client whose subscription to a room is ended loses that to the room for typing, also if it has only that one.
func TestTheEndOfASubscriptionEndsThatForTyping(t *testing.T) {
	t.Parallel()
	s := typingRooms(t)
	for _, c := range []struct{ user, method, params, reason string }{
		{"ann", "kick", `{"channel":"team:a","user":"ann"}`, "kicked"},
		{"bob", "ban", `{"channel":"team:a","user":"bob"}`, "banned"},
		{"cleo", "members_remove", `{"channel":"team:a","users":["cleo"]}`, "no longer a member"},
		{"dora", "room_delete", `{"channel":"team:a"}`, "room deleted"},
	} {
		both, one := connectSDK(t, s, tokenOf(c.user)), connectSDK(t, s, tokenOf(c.user))
		both.enter("team:a")
		both.enter("typing:team:a")
		one.enter("typing:team:a")
		if got := call(t, s, c.method, c.params); got != `{"result":{}}` {
			t.Fatalf("%s: got %s", c.method, got)
		}
		for _, client := range []*sdk{both, one} {
			for line := ""; !strings.Contains(line, `"channel":"typing:team:a","unsubscribe"`); {
				if line = client.line(); strings.Contains(line, "unsubscribe") && !strings.Contains(line, c.reason) {
					t.Errorf("%s: got %s, want the reason %q", c.method, line, c.reason)
				}
			}
		}
	}
	connectSDK(t, s, signed(map[string]any{"sub": "bob", "channels": []string{"typing:team:a"}}))
	if got := call(t, s, "presence", `{"channel":"typing:team:a"}`); strings.Contains(got, "bob") {
		t.Errorf("a banned user that its token puts into the room: got %s", got)
	}
	eve := connectSDK(t, s, tokenOf("eve"))
	eve.enter("typing:elsewhere")
	call(t, s, "room_delete", `{"channel":"elsewhere"}`)
	eve.expectLine(`{"push":{"channel":"typing:elsewhere","unsubscribe":{"code":2000,"reason":"room deleted"}}}`)
}
