package chat

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/roster"
)

// rosterText returns the members of a room with their roles.
func rosterText(h *Hub, room string) string {
	page, _ := h.MembersOf(room, "", roster.Member, 1000)
	var list []string
	for _, e := range page {
		list = append(list, e.User+":"+e.Role.String())
	}
	return strings.Join(list, " ")
}

// changeMembers changes a roster and returns the rejection.
func changeMembers(t *testing.T, fake *brokertest.Fake, h *Hub, c MemberChange) *Rejection {
	t.Helper()
	oc := &outcome{}
	h.ChangeMembers(c, oc.done)
	if fake != nil {
		fake.Settle()
	}
	if oc.calls != 1 {
		t.Fatalf("Done was called %d times", oc.calls)
	}
	return oc.e
}

func TestARosterSurvivesARestart(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	title := "Tea"
	created := &outcome{}
	h.CreateRoom("d", "ann", roster.InfoChange{Title: &title}, created.done)
	fake.Settle()
	if created.e != nil {
		t.Fatal(created.e)
	}
	changeMembers(t, fake, h, MemberChange{Room: "d", Users: []string{"cleo", "bob", "dan"}, Role: roster.Member, Add: true})
	changeMembers(t, fake, h, MemberChange{Room: "d", Users: []string{"bob"}, Role: roster.Moderator})
	changeMembers(t, fake, h, MemberChange{Room: "d", Users: []string{"dan"}})
	changeMembers(t, fake, h, MemberChange{Room: "d2", Users: []string{"bob"}, Role: roster.Owner, Add: true})
	restarted := newDurableHub(t, fake, durableRooms("d*"))
	for name, h := range map[string]*Hub{"before": h, "after": restarted} {
		if got, want := rosterText(h, "d"), "ann:owner bob:moderator cleo:member"; got != want {
			t.Errorf("%s a restart: got %s, want %s", name, got, want)
		}
		page, more := h.RoomsOf("bob", "", 10, 1<<20)
		want := []RosterRoom{{Channel: "d", Role: "moderator", Title: "Tea", Members: 3}, {Channel: "d2", Role: "owner", Members: 1}}
		if fmt.Sprint(page) != fmt.Sprint(want) || more {
			t.Errorf("%s a restart: got %+v, want %+v", name, page, want)
		}
		if h.RostersOf("dan") != 0 || h.RoleOf("d", "dan") != roster.None || h.RoleOf("d", "") != roster.None {
			t.Errorf("%s a restart: dan is a member", name)
		}
	}
	deleted := &outcome{}
	restarted.DeleteRoom("d", deleted.deleted)
	fake.Settle()
	again := newDurableHub(t, fake, durableRooms("d*"))
	if got := rosterText(again, "d"); got != "" || again.RostersOf("ann") != 0 || again.Value("d", infoKey) != nil {
		t.Errorf("got %q after the room was deleted", got)
	}
	if page, _ := again.RosterRooms("", 10, 1<<20); len(page) != 1 || page[0].Channel != "d2" {
		t.Errorf("got %+v, want one room", page)
	}
}

// The roles of the actor and of the target decide whether a role may change. The table has the expected results: rows are the roles of the actor, columns those of the target.
func TestWhoMayChangeARoster(t *testing.T) {
	t.Parallel()
	roles := []roster.Role{roster.None, roster.Member, roster.Moderator, roster.Owner}
	allowed := map[string]string{ // by actor and new role: the targets of each role, member to owner
		"member ": "...", "member member": "...", "member moderator": "...", "member owner": "...",
		"moderator ": "y..", "moderator member": "y..", "moderator moderator": "...", "moderator owner": "...",
		"owner ": "yyy", "owner member": "yyy", "owner moderator": "yyy", "owner owner": "yyy",
		" ": "...", " member": "...", " moderator": "...", " owner": "...",
	}
	for _, actor := range roles {
		for _, to := range roles {
			for i, target := range roles[1:] {
				h := newTestHub(t)
				for user, role := range map[string]roster.Role{"actor": actor, "target": target, "other": roster.Owner} {
					if role != roster.None {
						changeMembers(t, nil, h, MemberChange{Room: "r", Users: []string{user}, Role: role, Add: true})
					}
				}
				e := changeMembers(t, nil, h, MemberChange{Room: "r", By: "actor", Users: []string{"target"}, Role: to})
				want := allowed[actor.String()+" "+to.String()][i] == 'y' || to == target // no change is a success
				if got := e == nil; got != want || e != nil && e.Cause != CauseDenied {
					t.Errorf("%q makes a %q %q: got %+v, want %v", actor, target, to, e, want)
				}
				if e == nil && h.RoleOf("r", "target") != to {
					t.Errorf("%q makes a %q %q: it is %q", actor, target, to, h.RoleOf("r", "target"))
				}
			}
		}
	}
}

func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	add := func(role roster.Role, users ...string) {
		t.Helper()
		if e := changeMembers(t, fake, h, MemberChange{Room: "d", Users: users, Role: role, Add: true}); e != nil {
			t.Fatal(e)
		}
	}
	add(roster.Owner, "ann", "ben")
	add(roster.Member, "cleo")
	leave := func(user string) *outcome {
		oc := &outcome{}
		h.ChangeMembers(MemberChange{Room: "d", By: user, Users: []string{user}}, oc.done)
		return oc
	}
	first, second := leave("ann"), leave("ben") // the first is not committed yet
	fake.Settle()
	if first.e != nil || second.e != rejectOwner {
		t.Errorf("got %+v and %+v, want the second one rejected", first.e, second.e)
	}
	if e := changeMembers(t, fake, h, MemberChange{Room: "d", By: "ben", Users: []string{"ben"}, Role: roster.Member}); e != rejectOwner {
		t.Errorf("got %+v, want no room without an owner", e)
	}
	if e := changeMembers(t, fake, h, MemberChange{Room: "d", By: "ben", Users: []string{"ben", "stranger"}}); e != rejectOwner {
		t.Errorf("with a user who is not a member: got %+v, want no room without an owner", e)
	}
	if e := changeMembers(t, fake, h, MemberChange{Room: "d", By: "cleo", Users: []string{"cleo"}}); e != nil {
		t.Errorf("a member cannot leave: %+v", e)
	}
	if e := changeMembers(t, fake, h, MemberChange{Room: "d", By: "ben", Users: []string{"ben"}}); e != nil {
		t.Errorf("the last member cannot leave: %+v", e)
	}
	if got := rosterText(h, "d"); got != "" {
		t.Errorf("got %s, want nobody", got)
	}
}

func TestRostersAreBounded(t *testing.T) {
	t.Parallel()
	h := newTestHub(t)
	var users []string
	for n := range roster.MaxMembers {
		users = append(users, fmt.Sprintf("user%05d", n))
	}
	for chunk := range slices.Chunk(users, MaxMemberChange) {
		if e := changeMembers(t, nil, h, MemberChange{Room: "r", Users: chunk, Role: roster.Member, Add: true}); e != nil {
			t.Fatal(e)
		}
	}
	if e := changeMembers(t, nil, h, MemberChange{Room: "r", Users: []string{"one"}, Role: roster.Member, Add: true}); e == nil || e.Cause != CauseLimit {
		t.Errorf("got %+v, want the limit of members", e)
	}
	if e := changeMembers(t, nil, h, MemberChange{Room: "r", Users: users[:2], Role: roster.Owner}); e != nil {
		t.Errorf("a full roster cannot be changed: %+v", e)
	}
	for n := range roster.MaxUserRooms - 1 {
		if e := changeMembers(t, nil, h, MemberChange{Room: fmt.Sprint("room", n), Users: users[:1], Role: roster.Member, Add: true}); e != nil {
			t.Fatal(e)
		}
	}
	if e := changeMembers(t, nil, h, MemberChange{Room: "last", Users: users[:1], Role: roster.Member, Add: true}); e == nil || e.Cause != CauseLimit {
		t.Errorf("got %+v, want the limit of rooms", e)
	}
	for _, name := range []string{"", strings.Repeat("x", roster.MaxUser+1)} {
		if e := changeMembers(t, nil, h, MemberChange{Room: "r", Users: []string{name}, Role: roster.Member, Add: true}); e == nil || e.Cause != CauseInvalid {
			t.Errorf("%.5q: got %+v, want an invalid user", name, e)
		}
	}
	if e := changeMembers(t, nil, h, MemberChange{Room: "r", Users: []string{"one"}, Role: roster.Owner}); e == nil || e.Cause != CauseInvalid {
		t.Errorf("got %+v, want that one is not a member", e)
	}
	page, more := h.RoomsOf(users[0], "", 100, 1000)
	if !more || len(page) == 0 || len(page) > 20 {
		t.Errorf("got %d rooms and %v, want a page of about 1,000 bytes", len(page), more)
	}
}

// A room with many members is deleted in steps of a bounded size, and completely.
func TestALargeRoomIsDeletedInSteps(t *testing.T) {
	t.Parallel()
	for _, fake := range []*brokertest.Fake{nil, brokertest.New(brokertest.Options{Seed: 1})} {
		var h *Hub
		if fake == nil {
			h = newTestHub(t)
		} else {
			h = newDurableHub(t, fake, durableRooms("*"))
		}
		var users []string
		for n := range 3*deletedPerStep + 7 {
			users = append(users, fmt.Sprintf("user%05d", n))
		}
		for chunk := range slices.Chunk(users, MaxMemberChange) {
			if e := changeMembers(t, fake, h, MemberChange{Room: "r", Users: chunk, Role: roster.Member, Add: true}); e != nil {
				t.Fatal(e)
			}
		}
		title := "Tea"
		h.UpdateRoom("r", "", roster.InfoChange{Title: &title}, func(StreamPosition, *Rejection) {})
		if fake != nil {
			fake.Settle()
		}
		steps := 0
		for more := true; more; steps++ {
			before, oc := h.rosterLen("r"), &outcome{}
			h.DeleteRoom("r", oc.deleted)
			if fake != nil {
				fake.Settle()
			}
			more = oc.more
			if removed := before - h.rosterLen("r"); oc.e != nil || removed > deletedPerStep {
				t.Fatalf("got %+v, and %d members are removed at once, want %d at most", oc.e, removed, deletedPerStep)
			}
		}
		if steps != 4 || rosterText(h, "r") != "" || h.Value("r", infoKey) != nil || h.RostersOf(users[0])+h.RostersOf(users[len(users)-1]) != 0 {
			t.Errorf("after %d steps, the room is not deleted", steps)
		}
		if bytes := h.values.bytes.Load() + h.ValueBytes(); bytes != 0 {
			t.Errorf("%d bytes of values are counted after the deletion", bytes)
		}
	}
}

// deleted is the done of DeleteRoom.
func (oc *outcome) deleted(more bool, e *Rejection) {
	oc.more = more
	oc.done(StreamPosition{}, e)
}

// rosterLen returns the number of members of a room.
func (h *Hub) rosterLen(room string) int {
	page, _ := h.MembersOf(room, "", roster.Member, roster.MaxMembers)
	return len(page)
}

func TestDirectRoomsHaveTwoUsers(t *testing.T) {
	t.Parallel()
	n := NameRules{Users: "#"}
	for name, want := range map[string]string{
		"dialog#a,b": "a b", "#a,b": "a b", "x#y#a,b": "", "dialog#a": "", "dialog#a,": "", "dialog#,b": "", "dialog#a,a": "", "dialog#a,b,c": "", "dialog": "",
	} {
		a, b, ok := n.direct(name)
		if got := strings.TrimSpace(a + " " + b); ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q %q %v, want %q", name, a, b, ok, want)
		}
	}
	if _, _, ok := (NameRules{}).direct("a,b"); ok {
		t.Error("without user-rooms, there is a direct room")
	}
}

// The first message of a direct room makes both users members, also after a restart. A user in too many rooms receives it all the same.
func TestTheFirstMessageOfADirectRoomListsIt(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		fake := brokertest.New(brokertest.Options{Seed: 1})
		o := durableRooms("dialog#*")
		o.Kind, o.Durable = ChatRoom, durable
		h := newDurableHub(t, fake, o)
		h.configureNames(NameRules{Users: "#"})
		publish := func(h *Hub, room, user, id string) {
			t.Helper()
			oc := &outcome{}
			pub := Publication{Data: []byte(fmt.Sprintf(`{"id":%q,"text":"hi"}`, id)), Form: FormJSON, Info: &ClientInfo{User: user, Client: "1"}}
			if durable {
				h.ProposeTalk(h.RoomRef(room), pub, PublishOptions{}, oc.done)
				fake.Settle()
			} else {
				_, _, oc.e = h.PublishTalk(h.RoomRef(room), pub, PublishOptions{})
			}
			if oc.e != nil {
				t.Fatal(oc.e)
			}
		}
		if got := rosterText(h, "dialog#ann,bob"); got != "" {
			t.Errorf("got %s before the first message", got)
		}
		publish(h, "dialog#ann,bob", "ann", "1")
		publish(h, "dialog#ann,bob", "bob", "2")
		publish(h, "dialog#ann,bob,cleo", "ann", "1")
		if durable {
			h = newDurableHub(t, fake, o)
			h.configureNames(NameRules{Users: "#"})
		}
		if got, want := rosterText(h, "dialog#ann,bob"), "ann:member bob:member"; got != want {
			t.Errorf("durable %v: got %s, want %s", durable, got, want)
		}
		for _, user := range []string{"ann", "bob"} {
			if page, _ := h.RoomsOf(user, "", 10, 1000); len(page) != 1 || page[0].Channel != "dialog#ann,bob" {
				t.Errorf("durable %v: %s has the rooms %+v, want the direct room", durable, user, page)
			}
		}
		for n := range roster.MaxUserRooms {
			h.members.Add("bob", fmt.Sprint("room", n))
		}
		publish(h, "dialog#bob,dan", "dan", "1")
		if got, want := rosterText(h, "dialog#bob,dan"), "dan:member"; got != want || testutil.ToFloat64(h.Metrics.DirectUnlisted) != 1 {
			t.Errorf("durable %v: got %s, want %s, and one that is counted", durable, got, want)
		}
	}
}

// configureNames replaces the rules of names.
func (h *Hub) configureNames(n NameRules) {
	cfg := Config{Rooms: h.Settings().rooms(), OtherRooms: RoomsOpen, HistoryBytes: 64 << 20, Names: n}
	h.Configure(cfg)
}
