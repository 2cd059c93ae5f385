package server

import (
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// A direct chat room has one name: with its users in the order of their bytes. All ways to another name are rejected, with the name to use.
func TestADirectChatRoomHasOneName(t *testing.T) {
	t.Parallel()
	o, data := chatRoom("dialog#*"), roomWithHistory("data#*")
	o.Create, o.Join = chat.SignedIn, chat.SignedIn
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.OtherRooms, c.UserRooms = testSecret, chat.RoomsOpen, "#"
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
		c.Rooms = []chat.RoomOptions{o, data}
	})
	ann := connectSDK(t, s, tokenOf("ann"))
	const why = `"code":107,"message":"bad request: channel: the users of a direct room are in the order of their bytes: \"dialog#ann,bob\""}`
	for _, params := range []string{
		`subscribe":{"channel":"dialog#bob,ann"}`, `publish":{"channel":"dialog#bob,ann","data":{"id":"a","text":"hi"}}`,
		`presence":{"channel":"dialog#bob,ann"}`, `history":{"channel":"dialog#bob,ann","limit":1}`,
		`rpc":{"method":"timeline","data":{"channel":"dialog#bob,ann"}}`, `rpc":{"method":"read","data":{"channel":"dialog#bob,ann","upto":1}}`,
		`rpc":{"method":"search","data":{"channel":"dialog#bob,ann","text":"a"}}`, `rpc":{"method":"members","data":{"channel":"dialog#bob,ann"}}`,
		`rpc":{"method":"join","data":{"channel":"dialog#bob,ann"}}`, `rpc":{"method":"room_create","data":{"channel":"dialog#bob,ann"}}`,
		`rpc":{"method":"redact","data":{"channel":"dialog#bob,ann","offset":1}}`, `rpc":{"method":"ban","data":{"channel":"dialog#bob,ann","user":"bob"}}`,
	} {
		if got := ann.answerTo(`"` + params); !strings.Contains(got, why) {
			t.Errorf("%s: got %s", params, got)
		}
	}
	for method, params := range map[string]string{
		"publish": `"data":{"id":"a","text":"hi"}`, "subscribe": `"user":"ann"`, "history": `"limit":1`, "timeline": `"limit":1`,
		"room_create": `"title":"x"`, "room_update": `"title":"x"`, "members": `"limit":1`, "members_add": `"users":["ann"]`, "members_remove": `"users":["ann"]`,
		"ban": `"user":"ann"`, "mute": `"user":"ann"`, "slow_mode": `"seconds":5`, "kick": `"user":"ann"`, "unsubscribe": `"user":"ann"`, "redact": `"offset":1`,
	} {
		if got := call(t, s, method, `{"channel":"dialog#bob,ann",`+params+`}`); !strings.Contains(got, why) {
			t.Errorf("%s: got %s", method, got)
		}
	}
	if got := call(t, s, "broadcast", `{"channels":["dialog#bob,ann","dialog#ann,bob"],"data":{"id":"a","text":"hi"}}`); !strings.Contains(got, why) || !strings.Contains(got, `"offset":1`) {
		t.Errorf("broadcast: got %s", got)
	}
	if got := call(t, s, "room_delete", `{"channel":"dialog#bob,ann"}`); got != `{"result":{}}` {
		t.Errorf("room_delete: got %s, want data of an earlier version to be removable", got)
	}
	if _, got := ask(t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room=dialog%23bob,ann")); !strings.Contains(got, `"dialog#ann,bob"`) {
		t.Errorf("/ws: got %s", got)
	}
	granted := connectSDK(t, s, signed(map[string]any{"sub": "bob", "channels": []string{"dialog#bob,ann"}}))
	if got := granted.answerTo(`"rpc":{"method":"rooms","data":{}}`); !strings.Contains(got, `"dialog#ann,bob"`) || strings.Contains(got, "bob,ann") {
		t.Errorf("rooms: got %s", got)
	}
	// The broadcast is a notice in the direct room.
	if got := granted.answerTo(`"rpc":{"method":"unread","data":{}}`); !strings.Contains(got, `"dialog#ann,bob":{"unread":0,"mentions":0,"upto":0,"last":{"id":"a"`) {
		t.Errorf("unread: got %s", got)
	}
	for _, room := range []string{"dialog#ann,bob", "data#bob,ann", "dialog#bob,ann,cleo", "dialog#x#bob,ann"} {
		if got := ann.answerTo(`"subscribe":{"channel":"` + room + `"}`); strings.Contains(got, `"code"`) {
			t.Errorf("%s: got %s", room, got)
		}
	}
}
