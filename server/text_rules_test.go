package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/wordlist"
	"github.com/throng-chat/throng/server/ws"
)

// withTextRules runs a test with a chat room "c" in memory and with a durable one.
func withTextRules(t *testing.T, change func(*chat.RoomOptions), test func(t *testing.T, s *Server)) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			t.Parallel()
			o := chatRoom("c")
			o.Durable = durable
			change(&o)
			test(t, startServer(t, func(c *Config) {
				c.Token.HMACSecret, c.OtherRooms = testSecret, chat.RoomsOpen
				c.API.Key = strings.ReplaceAll(testKey, " ", "-")
				c.Rooms = []chat.RoomOptions{o}
				if durable {
					c.Data = t.TempDir()
				}
			}))
		})
	}
}

func listed(t *testing.T, words string) *wordlist.List {
	t.Helper()
	l, err := wordlist.Read(strings.NewReader(words))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const published = `{"id":50,"publish":{}}`

func denied(text string) string {
	return fmt.Sprintf(`{"id":50,"error":{"code":103,"message":"permission denied: %s"}}`, text)
}

// publishes fails the test unless the client gets this reply to a publication in the room c.
func (c *sdk) publishes(data, want string) {
	c.t.Helper()
	if got := c.publishIn("c", data); got != want {
		c.t.Errorf("%s:\ngot  %s\nwant %s", data, got, want)
	}
}

// A message or an edit with a listed word is rejected, also of a plain client. The application is exempt.
func TestListedWordsAreRejected(t *testing.T) {
	withTextRules(t, func(o *chat.RoomOptions) { o.WordList, o.Words = "words.txt", listed(t, "darn\ncrème\n") }, func(t *testing.T, s *Server) {
		ann := connectSDK(t, s, tokenOf("ann"))
		ann.enter("c")
		const word = "text: has a word that this room does not allow"
		ann.publishes(`{"id":"m","text":"well, DÄRN it"}`, denied(word))
		ann.publishes(`{"id":"m","text":"creme"}`, denied(word))
		ann.publishes(`{"id":"m","text":"darning"}`, published)
		ann.publishes(`{"type":"edit","of":"m","text":"Darn"}`, denied(word))
		ann.publishes(`{"type":"reaction","of":"m","emoji":"darn","on":true}`, published)
		call(t, s, "publish", `{"channel":"c","data":{"id":"app","text":"darn"}}`)
		plain := dial(t, s, "c")
		plain.send(ws.OpText, "oh, darn")
		plain.expectClose(ws.ClosePolicy, "this is a chat room: "+word)
		if got := ann.timelineOf(`{"channel":"c"}`); len(got) != 2 || got[0].Text != "darning" || got[1].Text != "darn" {
			t.Errorf("got the timeline %+v", got)
		}
		if got := value(t, s, "throng_text_rules_total", "words"); got != 4 {
			t.Errorf("counted %v words, want 4", got)
		}
	})
}

// A listed word is masked for all: the members, the timeline and the history. Other fields stay as they are.
func TestListedWordsAreMasked(t *testing.T) {
	withTextRules(t, func(o *chat.RoomOptions) {
		o.WordList, o.Words, o.WordAction = "words.txt", listed(t, "darn\nвред\n"), chat.MaskWords
	}, func(t *testing.T, s *Server) {
		ann, bob, plain := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob")), dial(t, s, "c")
		ann.enter("c")
		bob.enter("c")
		ann.publishes(`{"id":"m","text":"darn <b>, Вред!","own":[1,{"a":"<darn>"}]}`, published)
		if got := bob.line(); !strings.Contains(got, `"data":{"id":"m","own":[1,{"a":"<darn>"}],"text":"**** <b>, ****!"}`) {
			t.Errorf("got %s", got)
		}
		if m, err := plain.next(); err != nil || !strings.Contains(string(m.Payload), `"text":"**** <b>, ****!"`) {
			t.Errorf("a plain client got %s, %v", m.Payload, err)
		}
		ann.publishes(`{"type":"edit","of":"m","text":"DARN"}`, published)
		if got := bob.line(); !strings.Contains(got, `"text":"****"`) {
			t.Errorf("got %s", got)
		}
		plain.next()
		plain.send(ws.OpText, "darn you")
		plain.expect(ws.OpText, "**** you")
		if got := bob.line(); !strings.Contains(got, `"data":"**** you"`) {
			t.Errorf("got %s", got)
		}
		if got := bob.timelineOf(`{"channel":"c"}`); len(got) != 2 || got[0].Text != "****" || got[1].Text != "**** you" {
			t.Errorf("got the timeline %+v", got)
		}
		if got := bob.answerTo(`"history":{"channel":"c","limit":-1}`); strings.Contains(got, "DARN") || strings.Contains(got, "darn ") {
			t.Errorf("got the history %s", got)
		}
		if got := value(t, s, "throng_text_rules_total", "masked"); got != 3 {
			t.Errorf("counted %v masked messages, want 3", got)
		}
	})
}

// A user may publish links after some messages that are not deleted. Moderators and the application may at once, clients without a user never.
func TestLinksOfNewcomersAreRejected(t *testing.T) {
	withTextRules(t, func(o *chat.RoomOptions) { o.LinksAfter = 2 }, func(t *testing.T, s *Server) {
		ann, nobody := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, "")
		ann.enter("c")
		nobody.enter("c")
		const link = "text: has a link, which needs 2 earlier messages in this room"
		ann.publishes(`{"id":"1","text":"see example.com"}`, denied(link))
		ann.publishes(`{"id":"1","text":"one"}`, published)
		ann.publishes(`{"type":"edit","of":"1","text":"see example.com"}`, denied(link))
		ann.publishes(`{"id":"2","text":"two"}`, published)
		ann.publishes(`{"type":"delete","of":"2"}`, published)
		ann.publishes(`{"id":"3","text":"see https://example"}`, denied(link))
		ann.publishes(`{"id":"3","text":"two"}`, published)
		ann.publishes(`{"id":"4","text":"see example.com"}`, published)
		ann.publishes(`{"type":"edit","of":"1","text":"see example.com"}`, published)
		for n := range 3 {
			nobody.publishes(fmt.Sprintf(`{"id":"n%d","text":"hello"}`, n), published)
		}
		nobody.publishes(`{"id":"n","text":"www.example"}`, denied(link))
		call(t, s, "publish", `{"channel":"c","data":{"id":"app","text":"https://example"}}`)
		call(t, s, "members_add", `{"channel":"c","users":["mia"],"role":"moderator"}`)
		mia := connectSDK(t, s, tokenOf("mia"))
		mia.enter("c")
		mia.publishes(`{"id":"5","text":"https://example"}`, published)
		if got := value(t, s, "throng_text_rules_total", "links"); got != 4 {
			t.Errorf("counted %v links, want 4", got)
		}
	})
}

// An author may publish the same message a number of times in a window, with all connections together. A repetition with the same ID does not
// count.
func TestRepeatedMessagesAreRejected(t *testing.T) {
	withTextRules(t, func(o *chat.RoomOptions) { o.RepeatLimit, o.RepeatWindow = 2, time.Hour }, func(t *testing.T, s *Server) {
		ann, again, bob := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
		for _, c := range []*sdk{ann, again, bob} {
			c.enter("c")
		}
		const repeated = "text: the same message 2 times in 1h0m0s is the most that this room allows"
		ann.publishes(`{"id":"1","text":"buy"}`, published)
		for range 3 {
			ann.publishes(`{"id":"1","text":"buy"}`, published)
		}
		again.publishes(`{"id":"2","text":"buy"}`, published)
		ann.publishes(`{"id":"3","text":"buy"}`, denied(repeated))
		again.publishes(`{"id":"3","text":"buy"}`, denied(repeated))
		for _, evasion := range []string{"BUY", "buy ", "b\u200bu\u200by", "b\u00fay"} {
			ann.publishes(`{"id":"3","text":"`+evasion+`"}`, denied(repeated))
		}
		ann.publishes(`{"id":"3","text":"buy!"}`, published)
		bob.publishes(`{"id":"4","text":"buy"}`, published)
		ann.publishes(`{"type":"edit","of":"3","text":"buy"}`, published)
		plain := dial(t, s, "c")
		for range 2 {
			plain.send(ws.OpText, "buy")
			plain.expect(ws.OpText, "buy")
		}
		plain.send(ws.OpText, "buy")
		plain.expectClose(ws.ClosePolicy, "this is a chat room: "+repeated)
		if got := value(t, s, "throng_text_rules_total", "repeats"); got != 7 {
			t.Errorf("counted %v repeated messages, want 7", got)
		}
	})
}

// A rejected message is not charged to the rate of the room.
func TestARejectedTextCostsNoRate(t *testing.T) {
	withTextRules(t, func(o *chat.RoomOptions) { o.Rate, o.WordList, o.Words = 1, "words.txt", listed(t, "darn") }, func(t *testing.T, s *Server) {
		ann := connectSDK(t, s, tokenOf("ann"))
		ann.enter("c")
		for range 5 {
			ann.publishes(`{"id":"m","text":"darn"}`, denied("text: has a word that this room does not allow"))
		}
		ann.publishes(`{"id":"m","text":"fine"}`, published)
	})
}
