package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// The matrix of changes in chat rooms: each kind of user makes each change of the message of another user, and of its own. The oracle is a table.
func TestTheMatrixOfChanges(t *testing.T) {
	t.Parallel()
	o := rosterRooms("team:*")
	o.Kind = chat.ChatRoom
	direct := roomWithHistory("dialog#*")
	direct.Kind, direct.Publish = chat.ChatRoom, chat.SignedIn
	s := startAPI(t, o, direct)
	const room, pair = "team:a", "dialog#author,member"
	call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["author","member","muted","banned"]}`, room))
	call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["moderator","banned moderator"],"role":"moderator"}`, room))
	call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["owner"],"role":"owner"}`, room))
	call(t, s, "mute", fmt.Sprintf(`{"channel":%q,"user":"muted"}`, room))
	call(t, s, "ban", fmt.Sprintf(`{"channel":%q,"user":"banned"}`, room))
	call(t, s, "ban", fmt.Sprintf(`{"channel":%q,"user":"banned moderator"}`, room))
	n := 0
	for _, c := range []struct {
		room, user string
		allowed    string // of edit, delete, pin, reaction, a new message with the same ID, a reply
	}{
		{room, "author", "y y n y y y"}, // the same ID by the same user is the same message
		{room, "member", "n n n y n y"},
		{room, "moderator", "y y y y n y"},
		{room, "owner", "y y y y n y"},
		{room, "stranger", "n n n n n n"},
		{room, "muted", "n n n n n n"},
		{room, "banned", "n n n n n n"},
		{room, "banned moderator", "n n n n n n"},
		{pair, "author", "y y y y y y"},
		{pair, "member", "n n y y n y"},
		{pair, "moderator", "n n n n n n"}, // not in the name
	} {
		token := tokenOf(c.user)
		by, author := connectSDK(t, s, token), connectSDK(t, s, tokenOf("author"))
		for i, change := range []string{
			`{"type":"edit","of":ID,"text":"new"}`, `{"type":"delete","of":ID}`, `{"type":"pin","of":ID,"on":true}`, `{"type":"reaction","of":ID,"emoji":"+","on":true}`,
			`{"id":ID,"text":"forged"}`, `{"id":"NEW","text":"re","reply_to":ID}`,
		} {
			n++
			id := fmt.Sprintf("%q", fmt.Sprint("message", n))
			if !author.may(fmt.Sprintf(`"publish":{"channel":%q,"data":{"id":%s,"text":"hi"}}`, c.room, id)) {
				t.Fatal("the author may not publish")
			}
			data := strings.NewReplacer("ID", id, "NEW", fmt.Sprint("new", n)).Replace(change)
			want := strings.Fields(c.allowed)[i] == "y"
			if got := by.may(fmt.Sprintf(`"publish":{"channel":%q,"data":%s}`, c.room, data)); got != want {
				t.Errorf("%s in %s: %s: got %v, want %v", c.user, c.room, data, got, want)
			}
		}
		// References into other rooms, and to nothing.
		for _, id := range []string{"message1", "nothing"} {
			if id == "message1" && c.room == room {
				continue
			}
			if by.may(fmt.Sprintf(`"publish":{"channel":%q,"data":{"type":"reaction","of":%q,"emoji":"+","on":true}}`, c.room, id)) {
				t.Errorf("%s in %s reacts to %s", c.user, c.room, id)
			}
		}
	}
	if got := connectSDK(t, s, tokenOf("member")).rpc("rooms", `{}`); !strings.Contains(got, `"channel":"dialog#author,member","role":"member"`) {
		t.Errorf("got %s, want the direct room", got)
	}
}
