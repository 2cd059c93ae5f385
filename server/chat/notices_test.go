package chat

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/roster"
)

// newNoticeHub returns a hub with chat rooms, direct rooms among them.
func newNoticeHub(t testing.TB, size int) *Hub {
	t.Helper()
	rooms := chatRoom("*", size)
	h := newTestHub(t, rooms)
	h.Configure(Config{Rooms: []RoomOptions{rooms}, OtherRooms: RoomsOpen, HistoryBytes: 64 << 20, Names: NameRules{Users: "#"}})
	return h
}

// noticesOf returns the rooms with new messages and their members.
func noticesOf(h *Hub) (rooms, members []string) {
	h.TakeNotices(func(c notify.Change) {
		rooms = append(rooms, c.Room)
		for part := range c.Members {
			members = append(members, part...)
		}
	})
	slices.Sort(rooms)
	return rooms, members
}

func TestNoticesHaveTheMembersOfTheRoom(t *testing.T) {
	t.Parallel()
	h := newNoticeHub(t, 10)
	h.CollectNotices(true)
	var want []string
	for i := range 2*notify.Part + 1 {
		want = append(want, fmt.Sprintf("user %04d", i))
	}
	changeMembers(t, nil, h, MemberChange{Room: "tea", Users: want, Role: roster.Member, Add: true})
	mustSay(t, h, "tea", "ann", `{"id":"1","text":"good day"}`)
	mustSay(t, h, "tea", "ann", `{"id":"2","text":"tea?"}`)
	mustSay(t, h, "tea", "bob", `{"type":"reaction","of":"2","emoji":"x","on":true}`)
	if rooms, members := noticesOf(h); !slices.Equal(rooms, []string{"tea"}) || !slices.Equal(members, want) {
		t.Errorf("got the rooms %q with %d members, want tea with %d", rooms, len(members), len(want))
	}
	mustSay(t, h, "tea", "ann", `{"type":"edit","of":"2","text":"coffee?"}`)
	if rooms, _ := noticesOf(h); rooms != nil {
		t.Errorf("got %q after a change, want no room", rooms)
	}
	mustSay(t, h, "tea", "ann", `{"type":"edit","of":"2","text":"coffee, bob?","mentions":["bob"]}`)
	if rooms, _ := noticesOf(h); !slices.Equal(rooms, []string{"tea"}) {
		t.Errorf("got %q after an edit that mentions bob, want tea", rooms)
	}
	mustSay(t, h, "tea", "ann", `{"type":"edit","of":"2","text":"Coffee, bob?","mentions":["bob"]}`)
	if rooms, _ := noticesOf(h); rooms != nil {
		t.Errorf("got %q after an edit without a new mention, want no room", rooms)
	}
	mustSay(t, h, "dialog#ann,bob", "ann", `{"id":"1","text":"good day"}`)
	mustSay(t, h, "empty", "ann", `{"id":"1","text":"good day"}`)
	if rooms, members := noticesOf(h); !slices.Equal(rooms, []string{"dialog#ann,bob", "empty"}) || !slices.Equal(members, []string{"ann", "bob"}) {
		t.Errorf("got the rooms %q with %q, want the direct room with both users", rooms, members)
	}
	mustSay(t, h, "dialog#ann,bob", "", `{"id":"2","text":"a notice to all rooms"}`)
	if rooms, _ := noticesOf(h); rooms != nil {
		t.Errorf("got %q after a notice in a direct room, want no room", rooms)
	}
	h.CollectNotices(false)
	mustSay(t, h, "tea", "ann", `{"id":"3","text":"good day"}`)
	if rooms, _ := noticesOf(h); rooms != nil {
		t.Errorf("got %q, want none: nobody is notified", rooms)
	}
}

// Only members receive the number of unread messages.
func TestUnreadNoticesAreForMembers(t *testing.T) {
	t.Parallel()
	h := newNoticeHub(t, 10)
	changeMembers(t, nil, h, MemberChange{Room: "tea", Users: []string{"ann", "bob"}, Role: roster.Member, Add: true})
	mustSay(t, h, "tea", "ann", `{"id":"1","text":"good day","mentions":["bob"]}`)
	mustSay(t, h, "tea", "ann", `{"id":"2","text":"tea?"}`)
	mustSay(t, h, "tea", "ann", `{"type":"delete","of":"2"}`)
	mustSay(t, h, "dialog#ann,bob", "ann", `{"id":"1","text":"good day"}`)
	for _, c := range []struct {
		user, room       string
		ok               bool
		unread, mentions int
	}{{"bob", "tea", true, 1, 1}, {"ann", "tea", true, 0, 0}, {"eve", "tea", false, 0, 0}, {"", "tea", false, 0, 0}, {"bob", "none", false, 0, 0},
		{"bob", "dialog#ann,bob", true, 1, 0}, {"eve", "dialog#ann,bob", false, 0, 0}} {
		u, ok := h.UnreadNotice(c.user, c.room)
		if ok != c.ok || u.Unread != c.unread || u.Mentions != c.mentions {
			t.Errorf("%s in %s: got %+v, %t; want %d unread, %d mentions, %t", c.user, c.room, u, ok, c.unread, c.mentions, c.ok)
		}
		if ok && (u.Last == nil || u.Last.ID != "1" || u.Last.Text != "good day" || u.Last.User != "ann") {
			t.Errorf("%s in %s: got the last message %+v, want the one that is not deleted", c.user, c.room, u.Last)
		}
	}
}

// What is behind the read marker counts as read.
func TestUnreadNoticesBeginAtTheReadMarker(t *testing.T) {
	t.Parallel()
	h := newNoticeHub(t, 10)
	changeMembers(t, nil, h, MemberChange{Room: "tea", Users: []string{"bob"}, Role: roster.Member, Add: true})
	mustSay(t, h, "tea", "ann", `{"id":"1","text":"good day","mentions":["bob"]}`)
	at := mustSay(t, h, "tea", "ann", `{"id":"2","text":"tea?"}`)
	mustSay(t, h, "tea", "ann", `{"id":"3","text":"kettle","mentions":["bob"]}`)
	for epoch, want := range map[uint64]int{epochNumber(at.Epoch): 1, epochNumber(at.Epoch) + 1: 3} {
		data := binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, at.Offset), epoch)
		h.SetValues("tea", []Value{{readPrefix + "bob", data}}, func(_ StreamPosition, e *Rejection) {
			if e != nil {
				t.Error(e)
			}
		})
		if u, ok := h.UnreadNotice("bob", "tea"); !ok || u.Unread != want {
			t.Errorf("got %+v, %t; want %d unread: a marker of another epoch does not count", u, ok, want)
		}
	}
}

// crowded returns a hub with a chat room of 10,000 members.
func crowded(b *testing.B, collect bool) *Hub {
	h := newNoticeHub(b, 1000)
	h.CollectNotices(collect)
	for from := range 10 {
		var users []string
		for i := range 1000 {
			users = append(users, fmt.Sprintf("user %05d", 1000*from+i))
		}
		h.ChangeMembers(MemberChange{Room: "tea", Users: users, Role: roster.Member, Add: true}, func(StreamPosition, *Rejection) {})
	}
	return h
}

// A message in a room of 10,000 members costs the publisher the same with notices as without.
func BenchmarkPublishInACrowdedChatRoom(b *testing.B) {
	for _, collect := range []bool{false, true} {
		b.Run(fmt.Sprintf("notices=%t", collect), func(b *testing.B) {
			h := crowded(b, collect)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				say(h, "tea", "ann", fmt.Sprintf(`{"id":"%d","text":"good day","mentions":["user 00007"]}`, i))
			}
		})
	}
}

// The pass of the notifier over a room of 10,000 members, of which none is connected: once per second and room, on its own goroutine.
func BenchmarkTakeNoticesOfACrowdedRoom(b *testing.B) {
	h := crowded(b, true)
	is := make([]bool, notify.Part)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		say(h, "tea", "ann", fmt.Sprintf(`{"id":"%d","text":"good day"}`, i))
		h.TakeNotices(func(c notify.Change) {
			for part := range c.Members {
				h.Connected(part, is)
			}
		})
	}
}

// What one user has not read, of 1,000 messages.
func BenchmarkUnreadNotice(b *testing.B) {
	h := crowded(b, false)
	for i := range 1000 {
		say(h, "tea", "ann", fmt.Sprintf(`{"id":"%d","text":"good day"}`, i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := h.UnreadNotice("user 00007", "tea"); !ok {
			b.Fatal("not a member")
		}
	}
}
