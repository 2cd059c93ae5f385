package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// chatRoom returns the options of a chat room.
func chatRoom(pattern string) chat.RoomOptions {
	o := roomWithHistory(pattern)
	o.Kind = chat.ChatRoom
	return o
}

// inBothKindsOfMemory runs a test with a chat room in memory and with a durable one.
func inBothKindsOfMemory(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			t.Parallel()
			o := chatRoom("c*")
			o.Durable = durable
			test(t, startServer(t, func(c *Config) {
				c.Token.HMACSecret, c.OtherRooms = testSecret, chat.RoomsOpen
				c.API.Key = strings.ReplaceAll(testKey, " ", "-")
				c.Rooms = []chat.RoomOptions{o, roomWithHistory("data")}
				if durable {
					c.Data = t.TempDir()
				}
			}))
		})
	}
}

// publishIn publishes data in the room c and returns the reply. Lines before it are dropped.
func (c *sdk) publishIn(room, data string) string {
	c.sendLine(`{"id":50,"publish":{"channel":%q,"data":%s}}`, room, data)
	return c.replyTo(50)
}

// replyTo returns the reply to a command. Lines before it are dropped.
func (c *sdk) replyTo(id int) string {
	for {
		if line := c.line(); strings.HasPrefix(line, fmt.Sprintf(`{"id":%d,`, id)) {
			return line
		}
	}
}

// timelineOf returns the timeline of a room as a client reads it.
func (c *sdk) timelineOf(params string) (list []struct {
	ID, User, Text string
	Offset         uint64
	Time           int64
	Deleted        bool
	Reactions      []struct {
		Emoji string
		Count int
		Mine  bool
	}
}) {
	c.sendLine(`{"id":51,"rpc":{"method":"timeline","data":%s}}`, params)
	line := c.replyTo(51)
	var reply struct {
		RPC struct{ Data json.RawMessage }
	}
	var page struct{ Messages json.RawMessage }
	if json.Unmarshal([]byte(line), &reply) != nil || json.Unmarshal(reply.RPC.Data, &page) != nil || json.Unmarshal(page.Messages, &list) != nil {
		c.t.Fatalf("got %s", line)
	}
	return list
}

func TestAnSDKClientChats(t *testing.T) {
	inBothKindsOfMemory(t, func(t *testing.T, s *Server) {
		ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
		ann.enter("c")
		bob.enter("c")
		const done = `{"id":50,"publish":{}}`
		for _, act := range []struct {
			by         *sdk
			data, want string
		}{
			{ann, `{"id":"m","text":"hello"}`, done},
			{ann, `{"id":"m","text":"hello"}`, done},
			{bob, `{"type":"reaction","of":"m","emoji":"+","on":true}`, done},
			{bob, `{"type":"reaction","of":"m","emoji":"+","on":true}`, done},
			{bob, `{"type":"edit","of":"m","text":"forged"}`, `{"id":50,"error":{"code":103,"message":"permission denied: only the author or a moderator may edit the message"}}`},
			{bob, `{"id":"m","text":"mine"}`, `{"id":50,"error":{"code":103,"message":"permission denied: id: another author's message has it"}}`},
			{bob, `{"id":"n"}`, `{"id":50,"error":{"code":107,"message":"bad request: text: not found, required: a string"}}`},
			{bob, `{"id":"n","text":"hi","reply_to":"m"}`, done},
		} {
			if got := act.by.publishIn("c", act.data); got != act.want {
				t.Errorf("%s: got %s, want %s", act.data, got, act.want)
			}
		}
		list := bob.timelineOf(`{"channel":"c"}`)
		if len(list) != 2 || list[0].ID != "m" || list[0].User != "ann" || list[0].Text != "hello" || len(list[0].Reactions) != 1 || !list[0].Reactions[0].Mine || list[1].ID != "n" {
			t.Errorf("got %+v", list)
		}
		if _, at, _ := s.sessions.Read("c", nil, -1, 1<<20, false); at.Offset != 3 {
			t.Errorf("got %d publications, want 3", at.Offset)
		}
		ann.sendLine(`{"id":52,"rpc":{"method":"redact","data":{"channel":"c","offset":1}}}`)
		if got := ann.replyTo(52); got != `{"id":52,"rpc":{"data":{}}}` {
			t.Errorf("redact: got %s", got)
		}
		if list := bob.timelineOf(`{"channel":"c","before":3}`); len(list) != 1 || !list[0].Deleted || list[0].Text != "" {
			t.Errorf("after the redaction: got %+v", list)
		}
	})
}

// Live publications of a chat room have the time that the timeline has.
func TestALiveMessageHasItsTime(t *testing.T) {
	inBothKindsOfMemory(t, func(t *testing.T, s *Server) {
		ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
		bob.enter("c")
		ann.enter("c")
		ann.publishIn("c", `{"id":"m","text":"hello"}`)
		var push struct {
			Push struct{ Pub struct{ Time int64 } }
		}
		line := bob.line()
		if err := json.Unmarshal([]byte(line), &push); err != nil || push.Push.Pub.Time == 0 || push.Push.Pub.Time != bob.timelineOf(`{"channel":"c"}`)[0].Time {
			t.Errorf("got %s, want a time", line)
		}
	})
}

func TestTheAPIPublishesInAChatRoom(t *testing.T) {
	inBothKindsOfMemory(t, func(t *testing.T, s *Server) {
		first := call(t, s, "publish", `{"channel":"c","data":{"id":"m","text":"hello"}}`)
		if !strings.HasPrefix(first, `{"result":{"offset":1,`) {
			t.Fatalf("got %s", first)
		}
		wantCall(t, s, "publish", `{"channel":"c","data":{"id":"m","text":"hello"}}`, first)
		call(t, s, "publish", `{"channel":"c","data":"text without an ID"}`)
		wantError(t, s, "publish", `{"channel":"c","data":{"type":"delete","of":"other"}}`, 103, "no such message")
		wantError(t, s, "publish", `{"channel":"c","data":{"a":1}}`, 107, "id: not found")
		wantError(t, s, "publish", `{"channel":"c","data":{"id":"n","text":"a"},"skip_history":true}`, 107, "skip_history")
		wantError(t, s, "publish", `{"channel":"c","data":{"id":"n","text":"a"},"version":1}`, 107, "version")
		wantError(t, s, "publish", `{"channel":"c","b64data":"AP8="}`, 107, "binary")
		responses := call(t, s, "broadcast", `{"channels":["data","c"],"data":{"any":"thing"}}`)
		if !strings.HasPrefix(responses, `{"result":{"responses":[{"result":{"offset":1,`) || !strings.Contains(responses, `{"error":{"code":107,`) {
			t.Errorf("broadcast: got %s, want an error of the chat room only", responses)
		}
		ann := connectSDK(t, s, tokenOf("ann"))
		ann.enter("c")
		ann.publishIn("c", `{"id":"hers","text":"rude"}`)
		for _, data := range []string{`{"type":"pin","of":"hers","on":true}`, `{"type":"edit","of":"hers","text":"***"}`, `{"type":"delete","of":"m"}`} {
			if got := call(t, s, "publish", fmt.Sprintf(`{"channel":"c","data":%s}`, data)); !strings.HasPrefix(got, `{"result":{"offset":`) {
				t.Errorf("%s: got %s", data, got)
			}
		}
		call(t, s, "redact", `{"channel":"c","offset":2}`)
		if list := ann.timelineOf(`{"channel":"c"}`); len(list) != 3 || !list[0].Deleted || !list[1].Deleted || list[1].ID != "#2" || list[2].Text != "***" {
			t.Errorf("got %+v", list)
		}
		call(t, s, "history_remove", `{"channel":"c"}`)
		if list := ann.timelineOf(`{"channel":"c"}`); len(list) != 0 {
			t.Errorf("after history_remove: got %+v", list)
		}
	})
}

func TestAPlainClientChats(t *testing.T) {
	inBothKindsOfMemory(t, func(t *testing.T, s *Server) {
		plain, bob := dial(t, s, "c"), connectSDK(t, s, tokenOf("bob"))
		bob.enter("c")
		plain.send(ws.OpText, "ann: hello")
		plain.expect(ws.OpText, "ann: hello")
		if line := bob.line(); !strings.Contains(line, `"data":"ann: hello"`) {
			t.Errorf("got %s", line)
		}
		if list := bob.timelineOf(`{"channel":"c"}`); len(list) != 1 || list[0].ID != "#1" || list[0].Text != "ann: hello" {
			t.Errorf("got %+v", list)
		}
		plain.send(ws.OpBinary, "ann: hello")
		plain.expectClose(ws.ClosePolicy, "this is a chat room: data: found binary data, allowed: a JSON object or text")
	})
}

// The timeline has the permission of the history, and its own errors.
func TestTheTimelineHasTheRightsOfTheHistory(t *testing.T) {
	t.Parallel()
	secret := chatRoom("c:secret")
	secret.ReadHistory = chat.Nobody
	s := startAPI(t, secret, chatRoom("c:*"), roomWithHistory("data"))
	c := connectSDK(t, s, tokenOf("ann"))
	for _, room := range []string{"c:secret", "c:1", "data"} {
		c.enter(room)
	}
	const bad = `"code":107,"message":"bad request: `
	for params, want := range map[string]string{
		`{"channel":"c:secret"}`:                       `"code":103,`,
		`{"channel":"c:foreign"}`:                      `"code":103,`,
		`{"channel":"data"}`:                           `"code":108,"message":"not available: not a chat room"`,
		`{"channel":""}`:                               bad + `channel: want the name of a room"`,
		`{}`:                                           bad + `channel: want the name of a room"`,
		`{"channel":"c:1","before":1,"after":2}`:       bad + `before, after, around: found 2 of them, allowed: one"`,
		`{"channel":"c:1","limit":-1}`:                 bad + `limit: found -1, allowed: 1 to 100"`,
		`{"channel":"c:1","limit":0}`:                  bad + `limit: found 0, allowed: 1 to 100"`,
		`{"channel":"c:1","limit":101}`:                bad + `limit: found 101, allowed: 1 to 100"`,
		`{"channel":"c:1","limit":"3"}`:                bad + `limit: found a JSON string, want another type"`,
		`{"channel":"c:1","lmit":3}`:                   bad + `unknown parameter \"lmit\", allowed: channel, before, after, around, limit, thread, pinned"`,
		`{"channel":"c:1","around":"nothing"}`:         bad + `around: no such message"`,
		`{"channel":"c:1","pinned":true,"thread":"a"}`: bad + `pinned: not allowed together with thread"`,
		`[]`:                            bad + `want a JSON object with the parameters"`,
		`{"channel":"c:1","Limit":100}`: `"messages":[]`,
		`{"channel":"c:1"}`:             `"messages":[],"more":false,"offset":0,"epoch":"`,
	} {
		c.sendLine(`{"id":51,"rpc":{"method":"timeline","data":%s}}`, params)
		if got := c.replyTo(51); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", params, got, want)
		}
	}
}

// A long timeline is a bulk reply: a worker makes it, and it has as many messages as fit.
func TestALongTimelineIsABulkReply(t *testing.T) {
	t.Parallel()
	s := startAPI(t, chatRoom("c"))
	for n := range 100 {
		call(t, s, "publish", fmt.Sprintf(`{"channel":"c","data":{"id":"m%d","text":%q}}`, n, strings.Repeat("x", 2000)))
	}
	c := connectSDK(t, s, tokenOf("ann"))
	c.enter("c")
	before := value(t, s, "throng_long_replies_total", "")
	list := c.timelineOf(`{"channel":"c","limit":100}`)
	if n := len(list); n < 40 || n > 70 || list[n-1].ID != "m99" {
		t.Errorf("got %d messages, want as many as fit in 128 KiB, the newest", n)
	}
	if value(t, s, "throng_long_replies_total", "") != before+1 {
		t.Error("no worker made the reply")
	}
	if list := c.timelineOf(`{"channel":"c","limit":100,"around":"m50"}`); len(list) < 40 || list[len(list)/2].ID < "m48" || list[len(list)/2].ID > "m52" {
		t.Errorf("around: got %d messages", len(list))
	}
}

// The data that the publish webhook returns is checked, with the client as its author.
func TestTheChangedPublicationIsChecked(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnPublish: func(q question) string {
		switch {
		case strings.Contains(string(q.Data), "rude"):
			return `{"result":{"data":{"id":"m","text":"***"}}}`
		case strings.Contains(string(q.Data), "broken"):
			return `{"result":{"data":{"no":"message"}}}`
		case strings.Contains(string(q.Data), "skip"):
			return `{"result":{"skip_history":true}}`
		}
		return `{"result":{}}`
	}})
	s := startHooked(t, a, func(c *Config) {
		o := chatRoom("c")
		o.PublishProxy = true
		c.Rooms = []chat.RoomOptions{o}
	})
	c := connectSDK(t, s, tokenOf("ann"))
	c.enter("c")
	for data, want := range map[string]string{
		`{"id":"m","text":"rude"}`:            `{"id":50,"publish":{}}`,
		`{"id":"n","text":"broken"}`:          `"code":107,"message":"bad request: id`,
		`{"id":"n","text":"skip"}`:            `"code":107,"message":"bad request: skip_history`,
		`{"type":"edit","of":"x","text":"a"}`: `"code":103,"message":"permission denied: no such message"`,
	} {
		if got := c.publishIn("c", data); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", data, got, want)
		}
	}
	if list := c.timelineOf(`{"channel":"c"}`); len(list) != 1 || list[0].Text != "***" || list[0].User != "ann" {
		t.Errorf("got %+v", list)
	}
}

// A change that is rejected or has no effect costs no rate of the room.
func TestWhatIsNotPublishedCostsNoRate(t *testing.T) {
	t.Parallel()
	o := chatRoom("c")
	o.Rate = 1
	s := startAPI(t, o)
	c := connectSDK(t, s, tokenOf("ann"))
	c.enter("c")
	c.publishIn("c", `{"id":"m","text":"hello"}`)
	for range 20 {
		for data, want := range map[string]string{`{"id":"m","text":"hello"}`: `"publish"`, `{"type":"edit","of":"other","text":"a"}`: `"code":103`} {
			if got := c.publishIn("c", data); !strings.Contains(got, want) {
				t.Fatalf("%s: got %s, want %s", data, got, want)
			}
		}
	}
	if got := c.publishIn("c", `{"id":"n","text":"more"}`); !strings.Contains(got, `"publish"`) {
		t.Errorf("got %s, want the second of a burst of two", got)
	}
}

// The kind of a room stays until a restart.
func TestAReloadKeepsTheChatRooms(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, func(c *Config) { c.Rooms = []chat.RoomOptions{chatRoom("c"), roomWithHistory("d")} })
	got := s.change(func(c *Config) { c.Rate, c.Rooms = 7, []chat.RoomOptions{roomWithHistory("c"), roomWithHistory("d")} })
	if got.Result != metrics.ReloadPartial || !slices.Equal(got.NeedsRestart, []string{`room "c": kind`}) || !s.sessions.OptionsOf("c").IsChat() {
		t.Errorf("got %+v", got)
	}
}

// Who reacted to a message may know all who may read it.
func TestReactorsHaveTheRightsOfTheHistory(t *testing.T) {
	t.Parallel()
	secret := chatRoom("c:secret")
	secret.ReadHistory = chat.Nobody
	s := startAPI(t, secret, chatRoom("c:*"), roomWithHistory("data"))
	ann, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	for _, room := range []string{"c:secret", "c:1", "data"} {
		ann.enter(room)
		bob.enter(room)
	}
	for _, room := range []string{"c:secret", "c:1"} {
		ann.publishIn(room, `{"id":"a","text":"x"}`)
		bob.publishIn(room, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
	}
	for params, want := range map[string]string{
		`{"channel":"c:secret","of":"a"}`:                                 `"code":103,`,
		`{"channel":"c:foreign","of":"a"}`:                                `"code":103,`,
		`{"channel":"data","of":"a"}`:                                     `"code":108,`,
		`{"channel":"c:1","of":"b"}`:                                      `"code":103,"message":"permission denied: no such message"`,
		`{"channel":"c:1"}`:                                               `"code":107,`,
		`{"channel":"c:1","of":5}`:                                        `"code":107,`,
		fmt.Sprintf(`{"channel":"c:1","of":%q}`, strings.Repeat("a", 65)): `"code":107,`,
		`{"channel":"","of":"a"}`:                                         `"code":107,`,
		`{"channel":"c:1","of":"a"}`:                                      `{"reactions":[{"emoji":"👍","count":1,"users":["bob"]}]}`,
	} {
		ann.sendLine(`{"id":52,"rpc":{"method":"reactors","data":%s}}`, params)
		if got := ann.replyTo(52); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", params, got, want)
		}
	}
}
