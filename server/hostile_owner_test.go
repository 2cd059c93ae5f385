package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// A user that creates a room is a moderator there. With its bans it cannot take the places of those of the application.
func TestModeratorsLeavePlacesForTheApplication(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rosterRooms("team:*"))
	owner := connectSDK(t, s, tokenOf("owner"))
	owner.wantRPC("room_create", `{"channel":"team:a"}`, `{}`)
	ban := func(user string) string { return owner.rpc("ban", fmt.Sprintf(`{"channel":"team:a","user":%q}`, user)) }
	for n := range chat.MaxModeratorSanctions - 1 {
		s.sessions.Moderation.Ban(fmt.Sprint("user", n), "team:a", chat.Term{})
	}
	for user, want := range map[string]string{"user1": `{}`, "last": `{}`} {
		if got := ban(user); got != want {
			t.Errorf("%s: got %s, want %s", user, got, want)
		}
	}
	for _, call := range []string{ban("one more"), owner.rpc("silence", `{"channel":"team:a","user":"one"}`), owner.rpc("slow", `{"channel":"team:a","seconds":5}`)} {
		if !strings.Contains(call, `"code":106`) {
			t.Errorf("got %s, want the limit", call)
		}
	}
	owner.wantRPC("unban", `{"channel":"team:a","user":"user1"}`, `{}`)
	owner.wantRPC("ban", `{"channel":"team:a","user":"user1","seconds":60}`, `{}`)
	if got := call(t, s, "ban", `{"user":"owner"}`); got != `{"result":{}}` {
		t.Errorf("a ban by the application: got %s", got)
	}
}

// A user cannot create a room that others use, and so become their owner.
func TestARoomInUseHasNoNewOwner(t *testing.T) {
	t.Parallel()
	team, open := rosterRooms("team:*"), chatRoom("open:*")
	open.Create = chat.SignedIn
	s := startAPI(t, team, open)
	call(t, s, "members_add", `{"channel":"team:members","users":["ann","bob"]}`)
	call(t, s, "publish", `{"channel":"open:messages","data":{"id":"a","text":"hi"}}`)
	ann, eve := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("eve"))
	for _, room := range []string{"team:members", "open:messages"} {
		for name, c := range map[string]*sdk{"a stranger": eve, "a member": ann} {
			if got := c.rpc("room_create", fmt.Sprintf(`{"channel":%q,"title":"mine"}`, room)); !strings.Contains(got, `"code":103`) || !strings.Contains(got, "has members or messages already") {
				t.Errorf("%s creates %s: got %s", name, room, got)
			}
		}
	}
	eve.wantRPC("room_create", `{"channel":"open:new"}`, `{}`)
	if got := call(t, s, "room_create", `{"channel":"team:members","owner":"ann"}`); got != `{"result":{}}` {
		t.Errorf("the application: got %s", got)
	}
}

// Users that join and create rooms, and mark what they read, cannot take all bytes of the values: members and the application have the rest.
func TestStrangersLeaveSpaceForMembers(t *testing.T) {
	t.Parallel()
	team, open := rosterRooms("team:*"), chatRoom("open:*")
	team.Kind = chat.ChatRoom
	s := startAPI(t, team, open)
	call(t, s, "members_add", `{"channel":"team:a","users":["mia"]}`)
	for _, room := range []string{"team:a", "open:a"} {
		call(t, s, "publish", fmt.Sprintf(`{"channel":%q,"data":{"id":"a","text":"hi"}}`, room))
	}
	mia, eve := connectSDK(t, s, tokenOf("mia")), connectSDK(t, s, tokenOf("eve"))
	eve.enter("open:a")
	eve.wantRPC("room_create", `{"channel":"team:before"}`, `{}`)
	const fill = 500 << 10
	for n := 0; s.sessions.AdmitsUsers("open:a") == nil; n++ {
		s.sessions.SetValues("filler", []chat.Value{{Key: fmt.Sprint("k", n), Data: make([]byte, fill)}}, func(chat.StreamPosition, *chat.Rejection) {})
		if n > 1000 {
			t.Fatal("there is space without end")
		}
	}
	for method, params := range map[string]string{"join": `{"channel":"team:x"}`, "room_create": `{"channel":"team:y"}`, "read": `{"channel":"open:a","upto":1}`} {
		if got := eve.rpc(method, params); !strings.Contains(got, `"code":106`) {
			t.Errorf("%s of a stranger: got %s, want the limit", method, got)
		}
	}
	mia.wantRPC("read", `{"channel":"team:a","upto":1}`, `{"upto":1}`)
	mia.wantRPC("invite", `{"channel":"team:a","users":["zoe"]}`, `{}`)
	eve.wantRPC("leave", `{"channel":"team:before"}`, `{}`)
	if got := call(t, s, "members_add", `{"channel":"team:a","users":["noa"]}`); got != `{"result":{}}` {
		t.Errorf("the application: got %s", got)
	}
}
