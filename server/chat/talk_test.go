package chat

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/ws"
)

// chatRoom returns the options of a chat room with so many messages.
func chatRoom(pattern string, size int) RoomOptions {
	o := roomWithHistory(pattern)
	o.Kind, o.HistorySize = ChatRoom, size
	return o
}

// say publishes data of a user in a chat room, and waits until it is stored.
func say(h *Hub, room, user, data string) (published *Room, at StreamPosition, e *Rejection) {
	pub := Publication{Data: []byte(data), Form: FormJSON, Info: &ClientInfo{User: user, Client: "client of " + user}}
	return h.PublishTalk(h.RoomRef(room), pub, PublishOptions{})
}

// mustSay is say for data that is published.
func mustSay(t *testing.T, h *Hub, room, user, data string) StreamPosition {
	t.Helper()
	r, at, e := say(h, room, user, data)
	if r == nil || e != nil {
		t.Fatalf("%s by %s: got room %v, %v; want it to be published", data, user, r, e)
	}
	return at
}

// messagesOf returns the texts of the messages of a room.
func messagesOf(h *Hub, room string) (list []string) {
	for _, m := range h.ReadTimeline(room, timeline.Query{Limit: timeline.MaxPage}).Messages {
		list = append(list, m.ID+":"+m.Text)
	}
	return list
}

func TestAForgedChangeIsRejected(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	at := mustSay(t, h, "x", "ann", `{"id":"m","text":"hello"}`)
	for data, want := range map[string]string{
		`{"type":"edit","of":"m","text":"forged"}`:          "only the author or a moderator may edit the message",
		`{"type":"delete","of":"m"}`:                        "only the author or a moderator may delete the message",
		`{"type":"pin","of":"m","on":true}`:                 "only a moderator may pin a message",
		`{"type":"edit","of":"other","text":"a"}`:           "no such message",
		`{"id":"m","text":"another"}`:                       "id: another author's message has it",
		`{"id":"n","text":"answer","reply_to":"elsewhere"}`: "reply_to: no such message",
	} {
		r, pos, e := say(h, "x", "eve", data)
		if r != nil || pos != (StreamPosition{}) || e == nil || e.Cause != CauseDenied || e.Detail != want {
			t.Errorf("%s: got %v, %v, %v; want it denied: %s", data, r, pos, e, want)
		}
	}
	for _, data := range []string{`{"id":"n"}`, `[1]`, `7`, `{"type":"poke","of":"m"}`, `{"id":"n","text":7}`} {
		if r, _, e := say(h, "x", "eve", data); r != nil || e == nil || e.Cause != CauseInvalid || e.Detail == "" {
			t.Errorf("%s: got %v, %v; want a bad request with a reason", data, r, e)
		}
	}
	if list, now := texts(h, "x"); now != at || len(list) != 1 || !slices.Equal(messagesOf(h, "x"), []string{"m:hello"}) {
		t.Errorf("got %v at %v, and %v", list, now, messagesOf(h, "x"))
	}
}

func TestWhoMayMentionHere(t *testing.T) {
	t.Parallel()
	for access, want := range map[Access]string{Moderators: "mod", Members: "mod member", Subscribers: "mod member other"} {
		o := chatRoom("*", 10)
		o.MentionHere = access
		h := newTestHub(t, o)
		changeMembers(t, nil, h, MemberChange{Room: "x", Users: []string{"mod"}, Role: roster.Moderator, Add: true})
		changeMembers(t, nil, h, MemberChange{Room: "x", Users: []string{"member"}, Role: roster.Member, Add: true})
		var may []string
		for _, user := range []string{"mod", "member", "other"} {
			if _, _, e := say(h, "x", user, fmt.Sprintf(`{"id":%q,"text":"all","mentions":["@here"]}`, user)); e == nil {
				may = append(may, user)
			} else if e.Cause != CauseDenied {
				t.Errorf("%s by %s: got %v, want it denied", access, user, e)
			}
		}
		if got := strings.Join(may, " "); got != want {
			t.Errorf("%s: got %q, want %q", access, got, want)
		}
	}
}

// A room that exists only because of a rejected publication does not stay.
func TestARejectedPublicationLeavesNoRoom(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	say(h, "x", "eve", `{"type":"delete","of":"m"}`)
	if n := h.Rooms.Count(); n != 0 {
		t.Errorf("got %d rooms, want none", n)
	}
}

func TestTheSameMessageAgainIsAcknowledgedOnce(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	first := mustSay(t, h, "x", "ann", `{"id":"m","text":"hello"}`)
	mustSay(t, h, "x", "ann", `{"id":"n","text":"more"}`)
	if r, at, e := say(h, "x", "ann", `{"id":"m","text":"hello"}`); r != nil || at != first || e != nil {
		t.Errorf("got %v at %v, %v; want nothing published, and the position %v", r, at, e, first)
	}
}

func TestAChangeWithoutEffectIsNotPublished(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	mustSay(t, h, "x", "ann", `{"id":"m","text":"hello"}`)
	last := mustSay(t, h, "x", "bob", `{"type":"reaction","of":"m","emoji":"+","on":true}`)
	for _, data := range []string{`{"type":"reaction","of":"m","emoji":"+","on":true}`, `{"type":"reaction","of":"m","emoji":"-","on":false}`} {
		if r, at, e := say(h, "x", "bob", data); r != nil || at != last || e != nil {
			t.Errorf("%s: got %v at %v, %v; want nothing published, and the position of the room, %v", data, r, at, e, last)
		}
	}
}

// A deletion removes the content of the message and of its edits from the history.
func TestADeletionRemovesTheContent(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	mustSay(t, h, "x", "ann", `{"id":"m","text":"secret 1","meta":{"a":1}}`)
	mustSay(t, h, "x", "ann", `{"type":"edit","of":"m","text":"secret 2"}`)
	mustSay(t, h, "x", "bob", `{"id":"n","text":"seen"}`)
	mustSay(t, h, "x", "ann", `{"type":"edit","of":"m","text":"secret 3"}`)
	mustSay(t, h, "x", "ann", `{"type":"delete","of":"m"}`)
	list, _ := texts(h, "x")
	if all := strings.Join(list, " "); len(list) != 5 || strings.Contains(all, "secret") || strings.Contains(all, "meta") {
		t.Errorf("got %v, want five publications without the content", list)
	}
	if got := messagesOf(h, "x"); !slices.Equal(got, []string{"m:", "n:seen"}) {
		t.Errorf("got %v", got)
	}
	checkTalkBytes(t, h)
}

// Redacting an offset deletes its message. Others learn nothing about it.
func TestARedactionDeletesTheMessage(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	at := mustSay(t, h, "x", "ann", `{"id":"m","text":"secret"}`)
	eve := &ClientInfo{User: "eve"}
	for _, offset := range []uint64{at.Offset, 99} {
		if in, e := h.Redact(Redaction{Channel: "x", Offset: offset}, eve); in != nil || e != rejectDenied {
			t.Errorf("offset %d by another user: got %v, %v; want %v", offset, in, e, rejectDenied)
		}
	}
	if in, e := h.Redact(Redaction{Channel: "x", Offset: at.Offset}, &ClientInfo{User: "ann"}); in == nil || e != nil {
		t.Errorf("by the author: got %v, %v", in, e)
	}
	if in, e := h.Redact(Redaction{Channel: "x", Offset: at.Offset}, nil); in != nil || e != nil {
		t.Errorf("again: got %v, %v; want neither", in, e)
	}
	if list, _ := texts(h, "x"); !slices.Equal(list, []string{`{"deleted":true,"id":"m"}`, `{"type":"delete","of":"m"}`}) {
		t.Errorf("got %v", list)
	}
}

// Changes at full rate push out publications of the history, and no message.
func TestChangesPushOutNoMessage(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	for n := range 10 {
		mustSay(t, h, "x", "ann", fmt.Sprintf(`{"id":"m%d","text":"%d"}`, n, n))
	}
	for n := range 1000 {
		mustSay(t, h, "x", "eve", fmt.Sprintf(`{"type":"reaction","of":"m0","emoji":"+","on":%v}`, n%2 == 0))
	}
	if got := messagesOf(h, "x"); len(got) != 10 || got[0] != "m0:0" {
		t.Errorf("got %v, want all ten messages", got)
	}
	if n := countOf(h, "x"); n != 40 {
		t.Errorf("got %d publications, want 40 changes", n)
	}
	mustSay(t, h, "x", "ann", `{"id":"m10","text":"10"}`)
	if got := messagesOf(h, "x"); len(got) != 10 || got[0] != "m1:1" {
		t.Errorf("got %v, want the newest ten messages", got)
	}
	checkTalkBytes(t, h)
}

// checkTalkBytes checks that the budget has what the rooms have, and nothing when they are cleared.
func checkTalkBytes(t *testing.T, h *Hub) {
	t.Helper()
	sum, count := 0, 0
	h.Rooms.each(func(in *Stripe) {
		for _, r := range in.rooms {
			sum += r.History.Bytes
			count += r.History.Count
		}
	})
	if got, bytes, _ := h.HistoryBudget.Counts(); got != count || bytes != sum {
		t.Errorf("got %d publications and %d bytes in the budget, want %d and %d", got, bytes, count, sum)
	}
	h.Rooms.each(func(in *Stripe) {
		for _, r := range in.rooms {
			h.HistoryBudget.Clear(r)
			if r.History.Bytes != 0 || r.talk.timeline.Count() != 0 {
				t.Errorf("%s: got %d bytes and %d messages after all is cleared", r.Name, r.History.Bytes, r.talk.timeline.Count())
			}
		}
	})
	if _, bytes, _ := h.HistoryBudget.Counts(); bytes != 0 {
		t.Errorf("got %d bytes in the budget after all is cleared", bytes)
	}
}

// Messages expire with the history, also those that only the timeline has, and the room is released.
func TestMessagesExpire(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 2))
	mustSay(t, h, "x", "ann", `{"id":"m","text":"old"}`)
	h.Clock.Ticks.Add(uint32(roomTicks / 2))
	for n := range 20 {
		mustSay(t, h, "x", "ann", fmt.Sprintf(`{"type":"edit","of":"m","text":"%d"}`, n))
	}
	mustSay(t, h, "x", "ann", `{"id":"n","text":"new"}`)
	h.Clock.Ticks.Add(uint32(roomTicks/2 + 2))
	h.ExpireRooms(h.Clock.Tick())
	r, unlock := h.Rooms.Find("x")
	n := r.talk.timeline.Count()
	unlock()
	if n != 1 || !slices.Equal(messagesOf(h, "x"), []string{"n:new"}) {
		t.Errorf("got %d messages: %v; want the new one", n, messagesOf(h, "x"))
	}
	h.Clock.Ticks.Add(uint32(roomTicks))
	h.ExpireRooms(h.Clock.Tick())
	if n, _, _ := h.HistoryBudget.Counts(); h.Rooms.Count() != 0 || n != 0 {
		t.Errorf("got %d rooms with %d publications, want none", h.Rooms.Count(), n)
	}
	if at := mustSay(t, h, "x", "ann", `{"id":"m","text":"again"}`); at.Offset != 23 {
		t.Errorf("got offset %d, want 23: the position stays", at.Offset)
	}
}

// The history budget covers the messages, and evicts the oldest ones.
func TestTheHistoryBudgetEvictsMessages(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 1000))
	h.HistoryBudget.maxBytes = 64 << 10
	for n := range 300 {
		room := fmt.Sprint("room", n%3)
		mustSay(t, h, room, "ann", fmt.Sprintf(`{"id":"m%d","text":"%s"}`, n, strings.Repeat("x", 100)))
		mustSay(t, h, room, "ann", fmt.Sprintf(`{"type":"edit","of":"m%d","text":"%s"}`, n, strings.Repeat("y", 100)))
		if _, bytes, _ := h.HistoryBudget.Counts(); bytes > h.HistoryBudget.maxBytes {
			t.Fatalf("got %d bytes, want %d at most", bytes, h.HistoryBudget.maxBytes)
		}
	}
	for n := range 3 {
		if got := messagesOf(h, fmt.Sprint("room", n)); len(got) < 10 {
			t.Errorf("room%d: got %d messages", n, len(got))
		}
	}
	checkTalkBytes(t, h)
}

// Above the history budget, changes give way to the messages: a flood of them evicts none. Then the oldest messages go.
func TestTheHistoryBudgetEvictsChangesBeforeMessages(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 100))
	for n := range 100 {
		mustSay(t, h, "x", "ann", fmt.Sprintf(`{"id":"m%d","text":"text"}`, n))
	}
	_, bytes, _ := h.HistoryBudget.Counts()
	h.HistoryBudget.resize(bytes, h.releaseLocked)
	for n := range 1000 {
		mustSay(t, h, "x", "eve", fmt.Sprintf(`{"type":"reaction","of":"m99","emoji":"+","on":%v}`, n%2 == 0))
	}
	if got := messagesOf(h, "x"); len(got) != 100 || countOf(h, "x") == 0 || countOf(h, "x") == 400 {
		t.Errorf("got %d messages and %d publications; want all messages, and the newest publications", len(got), countOf(h, "x"))
	}
	h.HistoryBudget.resize(bytes/4, h.releaseLocked)
	if got := messagesOf(h, "x"); len(got) == 100 || len(got) < 10 || got[len(got)-1] != "m99:text" {
		t.Errorf("got %d messages up to %v; want the newest ones", len(got), got[len(got)-1])
	}
	checkTalkBytes(t, h)
}

func TestAPlainClientSpeaksInAChatRoom(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	r := NewRoom(h.Rooms.StripeOf("x"), "x", h.OptionsOf("x"), 1)
	if e := h.PublishPlain(r, ws.OpText, []byte("ann: hello")); e != nil {
		t.Errorf("text: got %v", e)
	}
	if e := h.PublishPlain(r, ws.OpBinary, []byte("ann: hello")); e == nil || e.Cause != CauseInvalid {
		t.Errorf("binary: got %v, want it to be rejected", e)
	}
	mustSay(t, h, "x", "bob", `{"type":"reaction","of":"#1","emoji":"+","on":true}`)
	if got := messagesOf(h, "x"); !slices.Equal(got, []string{"#1:ann: hello"}) {
		t.Errorf("got %v", got)
	}
}

func TestAChatRoomHasNoVersionsAndHoldsAll(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	for _, o := range []PublishOptions{{SkipHistory: true}, {Version: Version{Number: 1}}} {
		pub := Publication{Data: []byte(`{"id":"m","text":"a"}`), Form: FormJSON}
		if r, _, e := h.PublishTalk(h.RoomRef("x"), pub, o); r != nil || e == nil || e.Cause != CauseInvalid {
			t.Errorf("%+v: got %v, %v; want a rejection", o, r, e)
		}
	}
}

// A reload cannot make a chat room of another one, or the other way around.
func TestAReloadKeepsTheKindOfRooms(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("chat*", 10), roomWithHistory("*"))
	mustSay(t, h, "chat1", "ann", `{"id":"m","text":"a"}`)
	for _, rooms := range [][]RoomOptions{
		{roomWithHistory("chat*"), roomWithHistory("*")},
		{chatRoom("chat*", 10), chatRoom("*", 10)},
		{roomWithHistory("*")},
	} {
		h.Configure(reconfigured(rooms...))
		if !h.OptionsOf("chat1").IsChat() || h.OptionsOf("other").IsChat() {
			t.Errorf("%v: the kind has changed", rooms)
		}
	}
	h.Configure(reconfigured(chatRoom("chat*", 3), with(roomWithHistory("*"), func(o *RoomOptions) { o.HistorySize = 7 })))
	if h.OptionsOf("chat1").HistorySize != 3 || h.OptionsOf("other").HistorySize != 7 {
		t.Error("the sizes have not changed")
	}
}

// A smaller history-size drops messages at once.
func TestAChatRoomHasItsNewSizeAtOnce(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	for n := range 10 {
		mustSay(t, h, "x", "ann", fmt.Sprintf(`{"id":"m%d","text":"%d"}`, n, n))
	}
	h.Configure(reconfigured(chatRoom("*", 2)))
	if got := messagesOf(h, "x"); !slices.Equal(got, []string{"m8:8", "m9:9"}) {
		t.Errorf("got %v, want the newest two", got)
	}
	checkTalkBytes(t, h)
}

// durableChatRoom returns the options of a durable chat room.
func durableChatRoom(pattern string, size int) RoomOptions {
	o := chatRoom(pattern, size)
	o.Durable = true
	return o
}

// propose proposes data of a user in a durable chat room.
func propose(h *Hub, room, user, data string) (*outcome, *Room) {
	oc := &outcome{}
	pub := Publication{Data: []byte(data), Form: FormJSON, Info: &ClientInfo{User: user, Client: "client of " + user}}
	r := h.ProposeTalk(h.RoomRef(room), pub, PublishOptions{}, oc.done)
	return oc, r
}

func TestADurableChatRoomIsTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableChatRoom("d*", 10))
	for _, data := range []string{
		`{"id":"m","text":"secret"}`, `{"type":"edit","of":"m","text":"secret too"}`, `{"id":"n","text":"answer","thread":"m"}`,
		`{"type":"reaction","of":"n","emoji":"+","on":true}`, `{"type":"delete","of":"m"}`, `{"type":"edit","of":"n","text":"better"}`,
	} {
		if oc, r := propose(h, "d", "ann", data); r == nil || oc.e != nil {
			t.Fatalf("%s: got %+v", data, oc)
		}
	}
	fake.Settle()
	page := func(h *Hub) string {
		p := h.ReadTimeline("d", timeline.Query{Viewer: "ann"})
		return string(p.AppendJSON(nil))
	}
	again := newDurableHub(t, fake, durableChatRoom("d*", 10))
	if got, want := page(again), page(h); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	was, wasAt := texts(h, "d")
	if list, at := texts(again, "d"); !slices.Equal(list, was) || at != wasAt || strings.Contains(strings.Join(list, ""), "secret") {
		t.Errorf("got %v at %v, want %v at %v", list, at, was, wasAt)
	}
	if oc, r := propose(again, "d", "ann", `{"id":"n","text":"answer","thread":"m"}`); r != nil || oc.e != nil || oc.at.Offset != 3 {
		t.Errorf("the same message again: got %+v, want offset 3 and nothing published", oc)
	}
}

// What is proposed counts for the checks before it is on disk.
func TestAPendingMessageCanBeAnsweredAndRepeated(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableChatRoom("d*", 10))
	first, _ := propose(h, "d", "ann", `{"id":"m","text":"hello"}`)
	again, r := propose(h, "d", "ann", `{"id":"m","text":"hello"}`)
	if r != nil || again.calls != 0 {
		t.Errorf("again: got %+v and room %v, want it to wait for the first", again, r)
	}
	if oc, _ := propose(h, "d", "eve", `{"id":"m","text":"mine"}`); oc.e == nil || oc.e.Cause != CauseDenied {
		t.Errorf("the ID of another user: got %+v", oc)
	}
	if oc, _ := propose(h, "d", "eve", `{"type":"edit","of":"m","text":"forged"}`); oc.e == nil || oc.e.Cause != CauseDenied {
		t.Errorf("a forged edit: got %+v", oc)
	}
	answer, _ := propose(h, "d", "eve", `{"id":"n","text":"hi","reply_to":"m"}`)
	twice := [2]*outcome{}
	for n := range twice {
		twice[n], _ = propose(h, "d", "eve", `{"type":"reaction","of":"m","emoji":"+","on":true}`)
	}
	fake.Settle()
	if again.at != first.at || again.calls != 1 || answer.e != nil || twice[0].at != twice[1].at {
		t.Errorf("got %+v, %+v, %+v, %+v", first, again, answer, twice)
	}
	if list, _ := texts(h, "d"); len(list) != 3 {
		t.Errorf("got %v, want the message, the answer and one reaction", list)
	}
}

// A proposal that fails is forgotten: the message can be published again.
func TestAFailedMessageCanBePublishedAgain(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableChatRoom("d*", 10))
	fake.Stall(true)
	lost, _ := propose(h, "d", "ann", `{"id":"m","text":"hello"}`)
	fake.Down(true)
	fake.Stall(false)
	fake.Settle()
	fake.Down(false)
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	if lost.e != RejectUnavailable {
		t.Fatalf("got %+v, want a temporary error", lost)
	}
	oc, _ := propose(h, "d", "ann", `{"id":"m","text":"hello"}`)
	fake.Settle()
	if oc.e != nil || oc.at.Offset != 1 || !slices.Equal(messagesOf(h, "d"), []string{"m:hello"}) {
		t.Errorf("got %+v and %v", oc, messagesOf(h, "d"))
	}
	checkTalkBytes(t, h)
}

// A durable room that becomes a chat room has its messages. A change in it counts if the author of the message made it.
func TestADurableRoomBecomesAChatRoom(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	for _, data := range []string{
		`{"id":"m","text":"hello"}`, `{"anything":1}`, `{"type":"edit","of":"m","text":"better"}`, `{"id":"n","text":"secret"}`,
	} {
		proposeText(h, "d", data, PublishOptions{}) // by ann
	}
	pub := Publication{Data: []byte(`{"type":"edit","of":"m","text":"forged"}`), Form: FormJSON, Info: &ClientInfo{User: "eve"}}
	h.Propose(h.RoomRef("d"), pub, PublishOptions{}, func(StreamPosition, *Rejection) {})
	fake.Settle()
	h.ProposeRedaction(Redaction{Channel: "d", Offset: 4}, nil, nil, func(StreamPosition, *Rejection) {})
	fake.Settle()
	again := newDurableHub(t, fake, durableChatRoom("d*", 10))
	if got := messagesOf(again, "d"); !slices.Equal(got, []string{"m:better", "n:"}) {
		t.Errorf("got %v", got)
	}
	propose(again, "d", "ann", `{"type":"delete","of":"m"}`)
	fake.Settle()
	if got := messagesOf(newDurableHub(t, fake, durableChatRoom("d*", 10)), "d"); !slices.Equal(got, []string{"m:", "n:"}) {
		t.Errorf("after another restart: got %v", got)
	}
}

// A message stays over a restart when the records of it and of its changes are removed, with what it became.
func TestAMessageSurvivesTheRemovalOfItsRecords(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	rooms := []RoomOptions{durableChatRoom("d:quiet", 3), durableChatRoom("d*", 10)}
	h := newDurableHub(t, fake, rooms...)
	for _, data := range []string{`{"id":"m","text":"first"}`, `{"type":"reaction","of":"m","emoji":"+","on":true}`, `{"id":"gone","text":"secret"}`} {
		propose(h, "d:quiet", "ann", data)
	}
	for n := range 30 {
		propose(h, "d:quiet", "ann", fmt.Sprintf(`{"type":"edit","of":"m","text":"%d"}`, n))
	}
	propose(h, "d:quiet", "ann", `{"type":"delete","of":"gone"}`)
	fake.Settle()
	for n := 0; testutil.ToFloat64(h.Metrics.Durable.Trims) < 3; n++ {
		propose(h, "d:busy", "bob", fmt.Sprintf(`{"id":"b%d","text":"%s"}`, n, strings.Repeat("x", 200)))
		fake.Settle()
		fake.StepUntil(func() {
			for h.Durable("").Due() {
				h.Durable("").Maintain(t.Context())
			}
		})
		if n > 20_000 {
			t.Fatal("no record was removed")
		}
	}
	page := func(h *Hub, room string) string {
		p := h.ReadTimeline(room, timeline.Query{Viewer: "ann"})
		return string(p.AppendJSON(nil))
	}
	again := newDurableHub(t, fake, rooms...)
	for _, room := range []string{"d:quiet", "d:busy"} {
		if got, want := page(again, room), page(h, room); got != want || !strings.Contains(page(h, "d:quiet"), `"text":"29"`) {
			t.Errorf("%s: got\n%s, want\n%s", room, got, want)
		}
	}
	oc, _ := propose(again, "d:quiet", "ann", `{"id":"n","text":"next"}`)
	fake.Settle()
	if oc.e != nil || oc.at.Offset != 35 {
		t.Errorf("got %+v, want offset 35", oc)
	}
	checkTalkBytes(t, again)
	if n := again.Durable("").snapshots.bytes.Load(); n != 0 || again.Durable("").snapshots.rooms.Load() != 0 {
		t.Errorf("got %d bytes of snapshots of %d rooms after all is cleared", n, again.Durable("").snapshots.rooms.Load())
	}
}
