package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// rosterRooms are options of rooms for the members of their rosters.
func rosterRooms(pattern string) chat.RoomOptions {
	o := roomWithHistory(pattern)
	o.Subscribe, o.Publish, o.SeePresence = chat.Members, chat.Members, chat.Members
	o.Join, o.Create, o.Invite = chat.SignedIn, chat.SignedIn, chat.Members
	return o
}

// rpc calls an rpc method and returns the reply: its data, or the code and text of its error.
func (c *sdk) rpc(method, params string) string {
	c.t.Helper()
	line := c.answerTo(fmt.Sprintf(`"rpc":{"method":%q,"data":%s}`, method, params))
	if data, ok := strings.CutPrefix(line, `{"id":77,"rpc":{"data":`); ok {
		return strings.TrimSuffix(data, "}}")
	}
	return strings.TrimSuffix(strings.TrimPrefix(line, `{"id":77,"error":`), "}")
}

func TestTheAPIChangesRosters(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rosterRooms("team:*"), chat.DefaultRoom())
	ok := `{"result":{}}`
	for _, c := range []struct{ method, params, want string }{
		{"room_create", `{"channel":"team:a","title":"Tea","meta":{"x":1},"owner":"ann"}`, ok},
		{"room_create", `{"channel":"team:a"}`, `{"error":{"code":107,"message":"bad request: the room is created already: update it"}}`},
		{"room_create", `{"channel":"team:b","avatar":"data:x"}`, `{"error":{"code":107,"message":"bad request: avatar: the scheme is \"data\", want http, https or none"}}`},
		{"members_add", `{"channel":"team:a","users":["bob","cleo"]}`, ok},
		{"members_add", `{"channel":"team:a","users":["ann"],"role":"member"}`, ok},
		{"members_add", `{"channel":"team:a","users":[]}`, `{"error":{"code":107,"message":"bad request: users: want 1 to 1000"}}`},
		{"members_add", `{"channel":"team:a","users":["x"],"role":"king"}`, `{"error":{"code":107,"message":"bad request: role: \"king\": want member, moderator or owner"}}`},
		{"members_role", `{"channel":"team:a","user":"bob","role":"moderator"}`, ok},
		{"members_role", `{"channel":"team:a","user":"eve","role":"owner"}`, `{"error":{"code":107,"message":"bad request: \"eve\" is not a member"}}`},
		{"members_remove", `{"channel":"team:a","users":["cleo"]}`, ok},
		{"members", `{"channel":"team:a"}`, `{"result":{"members":[{"user":"ann","role":"owner"},{"user":"bob","role":"moderator"}],"more":false}}`},
		{"members", `{"channel":"team:a","limit":1}`, `{"result":{"members":[{"user":"ann","role":"owner"}],"more":true}}`},
		{"members", `{"channel":"team:a","after":"ann"}`, `{"result":{"members":[{"user":"bob","role":"moderator"}],"more":false}}`},
		{"members", `{"channel":"team:none"}`, `{"result":{"members":[],"more":false}}`},
		{"members", `{"channel":"team:a","limit":1001}`, `{"error":{"code":107,"message":"bad request: limit: want 1 to 1000, or 0 for 1000"}}`},
		{"room_update", `{"channel":"team:a","topic":"cups"}`, ok},
		{"rooms", `{"user":"bob"}`, `{"result":{"rooms":[{"channel":"team:a","role":"moderator","title":"Tea","topic":"cups","meta":{"x":1},"members":2}],"more":false}}`},
		{"members_add", `{"channel":"team:0","users":["bob"]}`, ok},
		{"rooms", `{"limit":1}`, `{"result":{"rooms":[{"channel":"team:0","members":1}],"more":true}}`},
		{"rooms", `{"user":"nobody"}`, `{"result":{"rooms":[],"more":false}}`},
		{"room_delete", `{"channel":"team:a"}`, ok},
		{"rooms", `{}`, `{"result":{"rooms":[{"channel":"team:0","members":1}],"more":false}}`},
	} {
		if got := call(t, s, c.method, c.params); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.method, c.params, got, c.want)
		}
	}
}

// A member that is removed, or whose room is deleted, loses its subscription. Others keep theirs.
func TestARemovedMemberLosesItsSubscription(t *testing.T) {
	t.Parallel()
	open := rosterRooms("open:*")
	open.Subscribe = chat.Anyone
	s := startAPI(t, rosterRooms("team:*"), open)
	for _, room := range []string{"team:a", "open:a"} {
		call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["ann","bob"]}`, room))
	}
	ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	for _, c := range []*sdk{ann, bob} {
		c.enter("open:a")
		c.enter("team:a")
	}
	call(t, s, "members_remove", `{"channel":"open:a","users":["ann"]}`)
	call(t, s, "members_remove", `{"channel":"team:a","users":["ann"]}`)
	ann.expectLine(`{"push":{"channel":"team:a","unsubscribe":{"code":2000,"reason":"no longer a member"}}}`)
	if ann.may(`"subscribe":{"channel":"team:a"}`) {
		t.Error("a removed member may subscribe again")
	}
	call(t, s, "room_delete", `{"channel":"team:a"}`)
	bob.expectLine(`{"push":{"channel":"team:a","unsubscribe":{"code":2000,"reason":"room deleted"}}}`)
}

// The matrix of rpc methods: each kind of user calls each method on each kind of target. The oracle is a table.
func TestTheRPCMatrixOfRosters(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rosterRooms("team:*"))
	n := 0
	// Rows: method; columns: stranger, member, moderator, owner as actors; in each cell the targets that are allowed: s, m, M, o.
	for _, row := range []struct{ method, params, allowed string }{
		{"members", ``, "- y y y"},
		{"leave", ``, "y y y y"},
		{"join", ``, "y y y y"},
		{"invite", `,"users":["new"]`, "- y y y"},
		{"room_update", `,"title":"x"`, "- - y y"},
		{"slow", `,"seconds":0`, "- - y y"},
		{"kick", `,"user":TARGET`, "- - sm smMo"},
		{"ban", `,"user":TARGET,"seconds":60`, "- - sm smMo"},
		{"unban", `,"user":TARGET`, "- - sm smMo"},
		{"silence", `,"user":TARGET,"seconds":60`, "- - sm smMo"},
		{"unsilence", `,"user":TARGET`, "- - sm smMo"},
		{"remove_member", `,"user":TARGET`, "- - sm smMo"},
		{"role", `,"user":TARGET,"role":"member"`, "- - m mMo"},
		{"role", `,"user":TARGET,"role":"moderator"`, "- - M mMo"},
		{"role", `,"user":TARGET,"role":"owner"`, "- - o mMo"},
	} {
		cells := strings.Fields(row.allowed)
		for i, actor := range []string{"stranger", "member", "moderator", "owner"} {
			c := connectSDK(t, s, tokenOf(actor))
			for _, target := range []struct{ letter, user string }{{"s", "other stranger"}, {"m", "other member"}, {"M", "other moderator"}, {"o", "other owner"}} {
				byTarget := strings.Contains(row.params, "TARGET")
				if !byTarget && target.letter != "s" {
					continue
				}
				n++
				room := fmt.Sprint("team:", n)
				call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["owner","other owner"],"role":"owner"}`, room))
				call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["moderator","other moderator"],"role":"moderator"}`, room))
				call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["member","other member"]}`, room))
				params := fmt.Sprintf(`{"channel":%q%s}`, room, strings.ReplaceAll(row.params, "TARGET", fmt.Sprintf("%q", target.user)))
				got := c.rpc(row.method, params)
				want := strings.Contains(cells[i], target.letter) || cells[i] == "y"
				if byTarget && target.letter == "s" && cells[i] != "-" && !strings.Contains(cells[i], "s") {
					if !strings.HasPrefix(got, `{"code":107,`) { // a moderator learns that the user is not a member
						t.Errorf("%s by %s on %s: got %s, want error 107", row.method, actor, target.user, got)
					}
					continue
				}
				if is := !strings.HasPrefix(got, `{"code":`); is != want || !is && !strings.HasPrefix(got, `{"code":103,`) {
					t.Errorf("%s by %s on %s: got %s, want %v", row.method, actor, target.user, got, want)
				}
			}
		}
	}
	t.Logf("%d cells", n)
}

// Nobody moderates without a user, while banned, in a room of others, or itself.
func TestForgedModerationIsDenied(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rosterRooms("team:*"), rosterRooms("dialog#*"))
	call(t, s, "members_add", `{"channel":"team:a","users":["mod","banned"],"role":"moderator"}`)
	call(t, s, "members_add", `{"channel":"team:a","users":["own"],"role":"owner"}`)
	call(t, s, "members_add", `{"channel":"dialog#mod,eve","users":["mod","eve"],"role":"owner"}`)
	call(t, s, "ban", `{"channel":"team:a","user":"banned"}`)
	const denied, bad = `{"code":103,"message":"permission denied: `, `{"code":107,"message":"bad request: `
	const moderators, needsUser = denied + `only a moderator of the room may do this"}`, denied + `the method needs a user"}`
	const smaller = denied + `a moderator acts on users with a smaller role than its own"}`
	for _, c := range []struct{ user, method, params, want string }{
		{"", "kick", `{"channel":"team:a","user":"eve"}`, needsUser},
		{"", "rooms", `{}`, needsUser},
		{"banned", "kick", `{"channel":"team:a","user":"eve"}`, `{"code":103,"message":"permission denied: banned from this room"}`},
		{"banned", "members", `{"channel":"team:a"}`, `{"code":103,"message":"permission denied: banned from this room"}`},
		{"banned", "leave", `{"channel":"team:a"}`, `{"code":103,"message":"permission denied: banned from this room"}`},
		{"mod", "kick", `{"channel":"team:b","user":"eve"}`, moderators},
		{"mod", "kick", `{"channel":"team:a","user":"mod"}`, smaller},
		{"own", "kick", `{"channel":"team:a","user":"own"}`, smaller},
		{"mod", "kick", `{"channel":"dialog#mod,eve","user":"eve"}`, moderators},
		{"mod", "leave", `{"channel":"dialog#mod,eve"}`, denied + `nobody can leave a direct room"}`},
		{"mod", "invite", `{"channel":"dialog#mod,eve","users":["ann"]}`, denied + `users: one of them may not be in this room"}`},
		{"mod", "invite", `{"channel":"team:a","users":["banned"]}`, denied + `users: one of them may not be in this room"}`},
		{"ann", "join", `{"channel":"dialog#mod,eve"}`, denied + `users cannot join this room by themselves (join)"}`},
		{"ann", "room_create", `{"channel":"dialog#mod,eve"}`, denied + `users cannot create this room (create)"}`},
		{"mod", "kick", `{"channel":"team:a"}`, bad + `user: found none, want the user on whom to act"}`},
		{"mod", "ban", `{"channel":"team:a","user":"eve","seconds":-1}`, bad + `seconds: found -1, allowed: 0 to 316224000"}`},
		{"mod", "ban", `{"channel":"team:a","user":"eve","reason":"` + strings.Repeat("茶", 86) + `"}`, bad + `reason: found 258 bytes, allowed: 256"}`},
		{"mod", "silence", `{"channel":"team:a","user":"eve","reason":"a\tb"}`, bad + `reason: found the control character U+0009, allowed: one line of text"}`},
		{"mod", "kick", `{"channel":"team:a","user":"eve","reason":"spam"}`, bad + `reason: found one, allowed: of a ban or a mute"}`},
		{"mod", "unban", `{"channel":"team:a","user":"eve","reason":"spam"}`, bad + `reason: found one, allowed: of a ban or a mute"}`},
		{"mod", "slow", `{"channel":"team:a","user":"eve"}`, bad + `user: found one, allowed: none, because slow mode is of the room"}`},
		{"mod", "slow", `{"channel":"team:a","seconds":86401}`, bad + `seconds: found 86401, allowed: 0 to 86400"}`},
		{"mod", "role", `{"channel":"team:a","user":"own","role":"king"}`, bad + `role: found \"king\", allowed: owner, moderator, member"}`},
		{"mod", "members", `{"channel":"team:a","limit":101}`, bad + `limit: found 101, allowed: 1 to 100"}`},
		{"mod", "rooms", `{"limit":-1}`, bad + `limit: found -1, allowed: 1 to 100"}`},
		{"mod", "members", `{}`, bad + `channel: want the name of a room"}`},
		{"mod", "kick", `{"channel":1}`, bad + `a parameter has a wrong type"}`},
		{"own", "invite", `{"channel":"team:a"}`, bad + `users: found 0, allowed: 1 to 100"}`},
		{"eve", "invite", `{"channel":"team:a","users":["ann"]}`, denied + `only members of the room may invite"}`},
		{"eve", "role", `{"channel":"team:a","user":"mod","role":"member"}`, moderators},
		{"eve", "remove_member", `{"channel":"team:a","user":"mod"}`, moderators},
		{"eve", "join", `{"channel":"other"}`, denied + `users cannot join this room by themselves (join)"}`},
		{"mod", "rooms", `[]`, bad + `want a JSON object with the parameters"}`},
	} {
		token := ""
		if c.user != "" {
			token = tokenOf(c.user)
		}
		if got := connectSDK(t, s, token).rpc(c.method, c.params); got != c.want {
			t.Errorf("%s by %q %s: got %s, want %s", c.method, c.user, c.params, got, c.want)
		}
	}
}

func TestMembersUseTheirRoomByRPC(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rosterRooms("team:*"))
	ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	steps := func(c *sdk, list ...[3]string) {
		t.Helper()
		for _, step := range list {
			if got := c.rpc(step[0], step[1]); got != step[2] {
				t.Errorf("%s %s: got %s, want %s", step[0], step[1], got, step[2])
			}
		}
	}
	steps(ann,
		[3]string{"room_create", `{"channel":"team:a","title":"Tea"}`, "{}"},
		[3]string{"rooms", `{}`, `{"rooms":[{"channel":"team:a","role":"owner","title":"Tea","members":1}],"more":false}`},
		[3]string{"invite", `{"channel":"team:a","users":["bob","cleo"]}`, "{}"},
		[3]string{"role", `{"channel":"team:a","user":"bob","role":"moderator"}`, "{}"},
		[3]string{"members", `{"channel":"team:a","limit":2}`, `{"members":[{"user":"ann","role":"owner"},{"user":"bob","role":"moderator"}],"more":true}`},
	)
	bob.enter("team:a")
	ann.enter("team:a")
	ann.answerTo(`"publish":{"channel":"team:a","data":{"text":"hi"}}`)
	steps(bob,
		[3]string{"redact", `{"channel":"team:a","offset":1}`, "{}"},
		[3]string{"silence", `{"channel":"team:a","user":"cleo","seconds":60}`, "{}"},
		[3]string{"ban", `{"channel":"team:a","user":"ann"}`, `{"code":103,"message":"permission denied: a moderator acts on users with a smaller role than its own"}`},
	)
	if got := bob.answerTo(`"history":{"channel":"team:a","limit":1}`); !strings.Contains(got, `"data":{"redacted":true}`) {
		t.Errorf("got %s, want the redacted publication", got)
	}
	cleo := connectSDK(t, s, tokenOf("cleo"))
	cleo.enter("team:a")
	if got := cleo.answerTo(`"publish":{"channel":"team:a","data":1}`); !strings.Contains(got, "muted in this room until") {
		t.Errorf("got %s, want a mute", got)
	}
	steps(ann, [3]string{"leave", `{"channel":"team:a"}`, `{"code":103,"message":"permission denied: the last owner stays while the room has other members: make one of them owner first"}`})
	steps(bob, [3]string{"leave", `{"channel":"team:a"}`, "{}"}, [3]string{"rooms", `{}`, `{"rooms":[],"more":false}`})
	if bob.may(`"subscribe":{"channel":"team:a"}`) {
		t.Error("a user that left may subscribe")
	}
}

// Without rooms that use rosters, the methods are those of the application.
func TestRosterMethodsAreOfTheApplicationWithoutRosters(t *testing.T) {
	t.Parallel()
	s := startAPI(t, chat.DefaultRoom())
	if got := connectSDK(t, s, tokenOf("ann")).rpc("rooms", `{}`); got != `{"code":108,"message":"not available: no such method"}` {
		t.Errorf("got %s, want what a method of the application gets without a webhook", got)
	}
}
