package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// wantRPC compares the reply to a method: its data, or the code and text of an error. Lines before it are dropped.
func (c *sdk) wantRPC(method, params, want string) {
	c.t.Helper()
	if code, text, is := strings.Cut(want, " "); is && len(code) == 3 {
		want = fmt.Sprintf(`"code":%s,"message":%q`, code, text)
		if got := c.rpc(method, params); !strings.Contains(got, want) {
			c.t.Errorf("%s %s:\ngot  %s\nwant %s", method, params, got, want)
		}
		return
	}
	if got := c.rpc(method, params); got != want {
		c.t.Errorf("%s %s:\ngot  %s\nwant %s", method, params, got, want)
	}
}

func TestWhatIsReadIsKnownToAllDevices(t *testing.T) {
	inBothKindsOfMemory(t, func(t *testing.T, s *Server) {
		ann, bob, phone := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob")), connectSDK(t, s, tokenOf("bob"))
		ann.enter("c")
		bob.enter("c")
		ann.publishIn("c", `{"id":"a","text":"hello","mentions":["bob"]}`)
		ann.publishIn("c", `{"id":"b","text":"bye"}`)
		bob.publishIn("c", `{"id":"c","text":"wait"}`)

		unread := func(messages, mentions, upto int) {
			t.Helper()
			got := bob.rpc("unread", `{}`)
			if want := fmt.Sprintf(`{"channels":{"c":{"unread":%d,"mentions":%d,"upto":%d,"last":{"id":"c","offset":3,"user":"bob",`, messages, mentions, upto); !strings.HasPrefix(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		unread(2, 1, 0)
		bob.wantRPC("read", `{"channel":"c","upto":1}`, `{"upto":1}`)
		unread(1, 0, 1)
		bob.wantRPC("read", `{"channel":"c","upto":3}`, `{"upto":3}`)
		bob.wantRPC("read", `{"channel":"c","upto":2}`, `{"upto":3}`)
		unread(0, 0, 3)

		// The other device needs no subscription, and receives only markers that advance.
		phone.expectLine(`{"push":{"message":{"data":{"type":"read","channel":"c","upto":1}}}}`)
		phone.expectLine(`{"push":{"message":{"data":{"type":"read","channel":"c","upto":3}}}}`)
		phone.enter("c")
		phone.wantRPC("unread", `{"channels":["c","d"],"after":"c"}`, `{"channels":{}}`)

		// The device that reads gets no push.
		bob.publishIn("c", `{"id":"d","text":"hm"}`)
		bob.sendLine(`{"id":61,"rpc":{"method":"read","data":{"channel":"c","upto":4}}}`)
		bob.expectLine(`{"id":61,"rpc":{"data":{"upto":4}}}`)
		bob.sendLine(`{"id":62,"rpc":{"method":"unread","data":{"channels":["other"]}}}`)
		bob.expectLine(`{"id":62,"rpc":{"data":{"channels":{}}}}`)
	})
}

func TestWhoMayUseReadMarkers(t *testing.T) {
	t.Parallel()
	closed := chatRoom("closed")
	closed.ReadHistory = chat.Subscribers
	s := startAPI(t, chatRoom("open"), closed, roomWithHistory("data"))
	ann, guest := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, "")
	ann.enter("closed")
	ann.publishIn("closed", `{"id":"a","text":"hello"}`)
	bob := connectSDK(t, s, tokenOf("bob"))
	const denied, bad, notChat = "103 permission denied", "107 bad request", "108 not available: not a chat room"
	for _, c := range []struct {
		by                   *sdk
		method, params, want string
	}{
		{bob, "read", `{"channel":"closed","upto":1}`, denied},
		{bob, "read", `{"channel":"data","upto":1}`, notChat},
		{bob, "read", `{"channel":"unknown","upto":1}`, notChat},
		{guest, "read", `{"channel":"closed","upto":1}`, denied + ": the method needs a user"},
		{guest, "unread", `{}`, denied + ": the method needs a user"},
		{ann, "read", `{"channel":"closed","upto":2}`, bad + ": upto: found 2, allowed: 1 to 1, the newest offset of the room"},
		{ann, "read", `{"channel":"closed","upto":18446744073709551615}`, bad + ": upto: found 18446744073709551615, allowed: 1 to 1, the newest offset of the room"},
		{ann, "read", `{"channel":"closed","upto":18446744073709551616}`, bad},
		{ann, "read", `{"channel":"closed","upto":0}`, bad + ": upto: want an offset from 1 on"},
		{ann, "read", `{"channel":"closed","upto":-1}`, bad},
		{ann, "read", `{"channel":"closed","upto":"1"}`, bad},
		{ann, "read", `{"upto":1}`, bad},
		{ann, "read", `[]`, bad},
		{ann, "unread", `{"channels":["a\u0000"]}`, bad},
		{ann, "unread", `{"channels":"closed"}`, bad},
		{ann, "unread", `{"channels":["` + strings.Repeat(`a","`, 200) + `b"]}`, bad + ": channels: found 201, allowed: 200"},
		{bob, "unread", `{"channels":["closed","data","unknown"]}`, `{"channels":{}}`},
		{bob, "unread", `{}`, `{"channels":{}}`},
		{ann, "read", `{"channel":"closed","upto":1}`, `{"upto":1}`},
	} {
		c.by.wantRPC(c.method, c.params, c.want)
	}
}

// Without chat rooms, the application has these methods.
// A user of the roster sees what it has not read without a subscription: also in rooms that only subscribers may read.
func TestMembersSeeUnreadMessagesOfRoomsTheyHaveNotOpened(t *testing.T) {
	t.Parallel()
	team, direct := rosterRooms("team:*"), roomWithHistory("dialog#*")
	team.Kind, direct.Kind, direct.Subscribe = chat.ChatRoom, chat.ChatRoom, chat.SignedIn
	team.ReadHistory, direct.ReadHistory = chat.Subscribers, chat.Subscribers
	token := team
	token.Pattern, token.Subscribe = "token:*", chat.WithToken
	s := startAPI(t, team, direct, token)
	const pair = "dialog#ann,bob"
	for _, room := range []string{"team:tea", "token:tea"} {
		call(t, s, "members_add", fmt.Sprintf(`{"channel":%q,"users":["ann","bob","banned"]}`, room))
		call(t, s, "publish", fmt.Sprintf(`{"channel":%q,"data":{"id":"a","text":"tea?"}}`, room))
	}
	ann := connectSDK(t, s, tokenOf("ann"))
	ann.enter(pair)
	ann.publishIn(pair, `{"id":"a","text":"tea?"}`)
	call(t, s, "ban", `{"channel":"team:tea","user":"banned"}`)
	bob, eve, banned := connectSDK(t, s, tokenOf("bob")), connectSDK(t, s, tokenOf("eve")), connectSDK(t, s, tokenOf("banned"))
	all := bob.rpc("unread", `{}`)
	for _, room := range []string{"team:tea", pair} {
		if want := fmt.Sprintf(`%q:{"unread":1,"mentions":0,"upto":0,"last":{"id":"a"`, room); !strings.Contains(all, want) {
			t.Errorf("got %s, want %s", all, want)
		}
	}
	if strings.Contains(all, "token:tea") {
		t.Errorf("got %s, which has a room to which the user may not subscribe", all)
	}
	bob.wantRPC("read", `{"channel":"team:tea","upto":1}`, `{"upto":1}`)
	if got := bob.rpc("unread", `{"channels":["team:tea"]}`); !strings.Contains(got, `"unread":0,"mentions":0,"upto":1`) {
		t.Errorf("unread after read: got %s", got)
	}
	if got := bob.rpc("timeline", `{"channel":"team:tea"}`); !strings.Contains(got, `"code":103`) {
		t.Errorf("timeline: got %s, want error 103: only subscribers may read it", got)
	}
	none := `{"channels":{}}`
	eve.wantRPC("unread", `{"channels":["team:tea","token:tea","`+pair+`"]}`, none)
	banned.wantRPC("unread", `{"channels":["team:tea"]}`, none)
	eve.wantRPC("read", `{"channel":"team:tea","upto":1}`, "103 permission denied")
}

func TestTheApplicationHasTheMethodsOfChatRoomsIfThereAreNone(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("data"))
	ann := connectSDK(t, s, tokenOf("ann"))
	for _, method := range []string{"read", "unread"} {
		ann.wantRPC(method, `{}`, "108 not available: no such method")
	}
}

// A page of 200 rooms ends before its limit of bytes, and goes on.
func TestUnreadIsBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.OtherRooms, c.MaxRooms, c.Rooms = testSecret, chat.RoomsOpen, 300, []chat.RoomOptions{chatRoom("*")}
	})
	ann := connectSDK(t, s, tokenOf("ann"))
	text := strings.Repeat("x", 2000)
	for i := range 250 {
		room := fmt.Sprintf("room %03d", i)
		ann.enter(room)
		ann.publishIn(room, fmt.Sprintf(`{"id":"m","text":%q}`, text))
	}
	seen, after, pages := 0, "", 0
	for more := true; more; pages++ {
		got := ann.rpc("unread", fmt.Sprintf(`{"after":%q}`, after))
		var page struct {
			Channels map[string]struct{ Last struct{ Text string } }
			More     bool
		}
		if err := json.Unmarshal([]byte(got), &page); err != nil || len(got) > 160<<10 || len(page.Channels) == 0 || len(page.Channels) > 200 {
			t.Fatalf("got %d bytes, %d rooms, %v", len(got), len(page.Channels), err)
		}
		for room, c := range page.Channels {
			if c.Last.Text != text {
				t.Errorf("%s: got %d bytes", room, len(c.Last.Text))
			}
			after = max(after, room)
		}
		seen += len(page.Channels)
		more = page.More
	}
	if seen != 250 || pages < 2 {
		t.Errorf("got %d rooms on %d pages, want 250", seen, pages)
	}
}

// With personal rooms, the push is a publication there: some SDKs ignore messages that belong to no room.
func TestWhatIsReadIsAPublicationInThePersonalRoom(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.OtherRooms, c.PersonalRooms, c.Rooms = testSecret, chat.RoomsOpen, true, []chat.RoomOptions{chatRoom("c*")}
	})
	bob, phone := connectSDK(t, s, tokenOf("bob")), connectSDK(t, s, tokenOf("bob"))
	bob.enter("c")
	bob.publishIn("c", `{"id":"a","text":"hello"}`)
	bob.wantRPC("read", `{"channel":"c","upto":1}`, `{"upto":1}`)
	phone.expectLine(`{"push":{"channel":"#bob","pub":{"data":{"type":"read","channel":"c","upto":1}}}}`)
}

// Receipts are live only: they have no offset, are not in the history, and plain members do not receive them.
func TestReceiptsOfASmallRoom(t *testing.T) {
	t.Parallel()
	o := chatRoom("c*")
	o.Receipts = true
	s := startAPI(t, o)
	ann, bob, plain := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob")), dial(t, s, "c")
	ann.enter("c")
	bob.enter("c")
	ann.publishIn("c", `{"id":"a","text":"hello"}`)
	bob.line()
	bob.wantRPC("read", `{"channel":"c","upto":1}`, `{"upto":1}`)
	ann.expectLine(`{"push":{"channel":"c","pub":{"data":{"type":"receipts","upto":{"bob":1}}}}}`)
	ann.publishIn("c", `{"id":"b","text":"bye"}`)
	plain.expect(ws.OpText, `{"id":"a","text":"hello"}`)
	plain.expect(ws.OpText, `{"id":"b","text":"bye"}`)
	if got := call(t, s, "history", `{"channel":"c","limit":-1}`); strings.Contains(got, "receipts") || !strings.Contains(got, `"offset":2,`) {
		t.Errorf("got %s, want two messages", got)
	}
}

// A client that joins later requests the receipts from before: those of users who are there, and those of the roster. Markers of others, and those of
// a room without receipts, stay unknown.
func TestALateJoinerRequestsReceipts(t *testing.T) {
	t.Parallel()
	small, quiet, closed := chatRoom("c*"), chatRoom("quiet"), chatRoom("closed")
	small.Receipts, closed.Receipts = true, true
	quiet.ReadHistory, closed.ReadHistory, small.ReadHistory = chat.Anyone, chat.Nobody, chat.Anyone
	s := startAPI(t, closed, small, quiet)
	ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	call(t, s, "members_add", `{"channel":"c","users":["cat","dan"]}`)
	ann.enter("c")
	ann.publishIn("c", `{"id":"a","text":"hello"}`)
	ann.publishIn("c", `{"id":"b","text":"bye"}`)
	ann.wantRPC("read", `{"channel":"c","upto":2}`, `{"upto":2}`)
	cat, eve := connectSDK(t, s, tokenOf("cat")), connectSDK(t, s, tokenOf("eve"))
	cat.wantRPC("read", `{"channel":"c","upto":1}`, `{"upto":1}`)
	eve.wantRPC("read", `{"channel":"c","upto":1}`, `{"upto":1}`) // neither in the presence nor in the roster
	bob.enter("c")
	bob.wantRPC("receipts", `{"channel":"c"}`, `{"upto":{"ann":2,"cat":1}}`)
	bob.wantRPC("receipts", `{"channel":"c2"}`, `{"upto":{}}`)
	bob.wantRPC("receipts", `{"channel":"quiet"}`, "108 not available: the room has no receipts")
	bob.wantRPC("receipts", `{"channel":"closed"}`, "103 permission denied")
	bob.wantRPC("receipts", `{"channel":""}`, "107 bad request")
	for range chat.MaxReceiptMembers - 1 {
		connectSDK(t, s, "").enter("c")
	}
	bob.wantRPC("receipts", `{"channel":"c"}`, `{"upto":{}}`)
}

// A client that reads as fast as it can is answered, and others lose nothing.
func TestReadingAtFullRateHurtsNobody(t *testing.T) {
	inBothKindsOfMemory(t, func(t *testing.T, s *Server) {
		ann, eve, phone := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("eve")), connectSDK(t, s, tokenOf("eve"))
		ann.enter("c")
		eve.enter("c")
		const messages, reads = 10, 5000
		for i := range messages {
			ann.publishIn("c", fmt.Sprintf(`{"id":"%d","text":"hello"}`, i))
		}
		go func() {
			for i := range reads {
				eve.sendLine(`{"id":%d,"rpc":{"method":"read","data":{"channel":"c","upto":%d}}}`, 100+i, 1+i%messages)
			}
		}()
		ann.publishIn("c", `{"id":"last","text":"hello"}`)
		for i := 0; i < reads; {
			line := eve.line()
			if strings.Contains(line, `"error"`) {
				t.Fatalf("got %s", line)
			}
			if strings.Contains(line, `"rpc"`) {
				i++
			}
		}
		if u := s.sessions.UnreadOf("c", "eve"); u.Upto != messages || u.Messages != 1 {
			t.Errorf("got %+v", u)
		}
		// Only steps forward reach the other device.
		for upto := 1; upto <= messages; upto++ {
			phone.expectLine(fmt.Sprintf(`{"push":{"message":{"data":{"type":"read","channel":"c","upto":%d}}}}`, upto))
		}
		phone.wantRPC("read", `{"channel":"c","upto":1}`, "103 permission denied")
	})
}

// What was read survives a restart in a durable room.
func TestARestartKeepsWhatWasRead(t *testing.T) {
	t.Parallel()
	o := chatRoom("c*")
	o.Durable = true
	dir := t.TempDir()
	start := func(t *testing.T) *Server {
		return startServer(t, func(c *Config) {
			c.Token.HMACSecret, c.OtherRooms, c.Rooms, c.Data = testSecret, chat.RoomsOpen, []chat.RoomOptions{o}, dir
		})
	}
	t.Run("before", func(t *testing.T) {
		bob := connectSDK(t, start(t), tokenOf("bob"))
		bob.enter("c")
		for i := range 3 {
			bob.publishIn("c", fmt.Sprintf(`{"id":"%d","text":"hello"}`, i))
		}
		bob.wantRPC("read", `{"channel":"c","upto":2}`, `{"upto":2}`)
	})
	t.Run("after", func(t *testing.T) {
		bob := connectSDK(t, start(t), tokenOf("bob"))
		bob.enter("c")
		if got, want := bob.rpc("unread", `{}`), `{"channels":{"c":{"unread":0,"mentions":0,"upto":2,"last":{"id":"2",`; !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		bob.wantRPC("read", `{"channel":"c","upto":1}`, `{"upto":2}`)
	})
}
