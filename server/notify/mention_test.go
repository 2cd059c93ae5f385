package notify

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// edit adds mentions to the newest message of a room.
func (h *house) edit(room, author string, mentions ...string) {
	if h.batches[room] == nil {
		h.batches[room] = &Batch{}
	}
	h.batches[room].AddMentions(author, mentions)
	if slices.Contains(mentions, Here) {
		mentions = append(mentions, h.members[room]...)
	}
	for _, user := range mentions {
		h.mentions[[2]string{room, user}]++
	}
}

// sayHere mentions all members.
func (h *house) sayHere(room, author string, mentions ...string) {
	h.say(room, author, append(mentions, Here)...)
	for _, user := range h.members[room] {
		h.mentions[[2]string{room, user}]++
	}
}

// In a room that notifies of mentions, @here notifies the members that are connected and do not read. A member that is mentioned by its name as
// well is notified in any case.
func TestHereNotifiesConnectedMembers(t *testing.T) {
	t.Parallel()
	for unreadAfter, want := range map[time.Duration][]string{0: {"dan"}, 10 * time.Second: {"bob", "dan"}} {
		h := newHouse()
		h.rule = Rule{OnlyMentions: true, UnreadAfter: unreadAfter}
		h.members["tea"] = []string{"ann", "bob", "cat", "dan"}
		h.online["ann"], h.online["bob"] = true, true
		n := start(h)
		h.sayHere("tea", "ann", "dan")
		h.markers[[2]string{"tea", "ann"}] = 1
		passes(n, 1, 30)
		if got := h.users(); !slices.Equal(got, want) {
			t.Errorf("notify-unread = %v: got %q, want %q: cat is not connected", unreadAfter, got, want)
		}
	}
}

// A room that notifies of all messages notifies of one with @here as of others.
func TestHereIsAMessageLikeOthers(t *testing.T) {
	t.Parallel()
	h := newHouse()
	h.members["tea"] = []string{"bob", "cat"}
	h.online["cat"] = true
	n := start(h)
	h.sayHere("tea", "ann")
	passes(n, 1, 20)
	if got := h.users(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("got %q, want bob, who is not connected", got)
	}
}

// An edit notifies the users that it mentions, and nobody else.
func TestAnEditNotifiesWhomItMentions(t *testing.T) {
	t.Parallel()
	for _, onlyMentions := range []bool{false, true} {
		h := newHouse()
		h.rule = Rule{OnlyMentions: onlyMentions, UnreadAfter: 10 * time.Second}
		h.members["tea"] = []string{"ann", "bob", "cat", "dan", "eve"}
		h.online["eve"] = true
		n := start(h)
		h.last["tea"] = 1
		h.edit("tea", "ann", "ann", "bob")
		passes(n, 1, 20)
		if got := h.users(); !slices.Equal(got, []string{"bob"}) {
			t.Errorf("only mentions: %t: got %q, want bob", onlyMentions, got)
		}
		h.edit("tea", "ann", "bob", Here)
		h.say("tea", "bob", "cat")
		passes(n, 21, 40)
		want := []string{"ann", "bob", "cat", "dan", "eve"}
		if onlyMentions {
			want = []string{"bob", "cat", "eve"} // of those that @here mentions, eve is connected
		}
		if got := h.users(); !slices.Equal(got, want) {
			t.Errorf("only mentions: %t, with a message: got %q, want %q", onlyMentions, got, want)
		}
		h.edit("tea", "ann", Here)
		passes(n, 41, 60)
		if got := h.users(); !slices.Equal(got, []string{"eve"}) {
			t.Errorf("only mentions: %t, @here by an edit: got %q, want eve, who is connected", onlyMentions, got)
		}
	}
}

// A batch of more mentions than its limit concerns all members.
func TestTooManyMentionsConcernAll(t *testing.T) {
	t.Parallel()
	var b Batch
	for i := range maxMentions {
		b.Add("ann", []string{fmt.Sprint("user ", i)})
	}
	if !b.mayConcern("user 0", true) || b.mayConcern("bob", true) {
		t.Error("want those that are mentioned")
	}
	b.Add("ann", []string{"one more"})
	if !b.mayConcern("bob", true) || b.concernsConnected("bob", true) {
		t.Error("want all beyond the limit")
	}
}
