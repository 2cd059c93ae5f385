package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// A hostile guest sends all kinds of commands in a chat room as fast as the server takes them. The history budget is small. Each message of another
// user is delivered to the members, and the timeline has it as it was published.
func TestAHostileGuestRemovesNoMessageOfOthers(t *testing.T) {
	t.Parallel()
	const kinds, burst = 6, 20
	for _, durable := range []bool{false, true} {
		rounds := 10
		if durable { // each command waits for the disk
			rounds = 2
		}
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			t.Parallel()
			o := chatRoom("c")
			o.Durable, o.HistorySize = durable, 400
			s := startServer(t, func(c *Config) {
				c.Token.HMACSecret, c.OtherRooms, c.Rate, c.RateBytes, c.MaxMessage = testSecret, chat.RoomsOpen, 0, 0, 8<<10
				c.Rooms, c.HistoryBytes = []chat.RoomOptions{o}, 256<<10
				if durable {
					c.Data = t.TempDir()
				}
			})
			author, reader, guest := connectSDK(t, s, tokenOf("author")), connectSDK(t, s, tokenOf("reader")), connectSDK(t, s, tokenOf("guest"))
			for _, c := range []*sdk{author, reader, guest} {
				c.enter("c")
			}
			n := 0
			for kind := range kinds {
				for round := range rounds {
					if got := author.publishIn("c", fmt.Sprintf(`{"id":"m%d","text":"text %d"}`, n, n)); got != `{"id":50,"publish":{}}` {
						t.Fatalf("the author: got %s", got)
					}
					for !strings.Contains(reader.line(), fmt.Sprintf(`"data":{"id":"m%d","text":"text %d"}`, n, n)) { // the test ends if it does not come
					}
					n++
					for i := range burst {
						guest.sendLine(`{"id":%d,%s}`, 100+i, hostileCommand(kind, round*burst+i, n))
					}
					guest.replyTo(100 + burst - 1)
				}
			}
			eventually(t, "the histories to be within their budget", func() bool {
				_, bytes, _ := s.sessions.HistoryBudget.Counts()
				return bytes <= 256<<10
			})
			found := map[string]bool{}
			for before := uint64(1 << 40); len(found) < n; {
				list := author.timelineOf(fmt.Sprintf(`{"channel":"c","before":%d,"limit":100}`, before))
				if len(list) == 0 {
					break
				}
				for _, m := range list {
					if m.User == "author" && !m.Deleted && "m"+strings.TrimPrefix(m.Text, "text ") == m.ID {
						found[m.ID] = true
					}
				}
				before = list[0].Offset
			}
			if len(found) != n {
				t.Errorf("the timeline has %d of %d messages", len(found), n)
			}
		})
	}
}

// hostileCommand returns one command of a hostile guest, in a room with so many messages of another user.
func hostileCommand(kind, n, messages int) string {
	of := fmt.Sprint("m", n%messages)
	publish := func(format string, args ...any) string {
		return `"publish":{"channel":"c","data":` + fmt.Sprintf(format, args...) + `}`
	}
	toggle := publish(`{"type":"reaction","of":%q,"emoji":"+","on":%t}`, of, n/messages%2 == 0)
	switch kind {
	case 0:
		return toggle
	case 1:
		if n == 0 {
			return publish(`{"id":"own","text":"hi"}`)
		}
		if n%3 == 0 {
			return publish(`{"type":"edit","of":%q,"text":"forged"}`, of)
		}
		return publish(`{"type":"edit","of":"own","text":"%d %s"}`, n, strings.Repeat("x", 4000))
	case 2:
		return publish(`{"type":"reaction","of":%q,"emoji":"e%d","on":true}`, of, n)
	case 3:
		if n%2 == 0 {
			return publish(`{"type":"delete","of":%q}`, of)
		}
		return publish(`{"id":"t%d","text":"re","thread":%q}`, n, of)
	}
	switch {
	case n%2 == 0: // many rejections in a row, by the limit of long replies, would end the connection
		return toggle
	case kind == 4:
		return fmt.Sprintf(`"rpc":{"method":"timeline","data":{"channel":"c","around":%q,"limit":100}}`, of)
	}
	return fmt.Sprintf(`"rpc":{"method":"search","data":{"channel":"c","text":"nothing %d has it","limit":100}}`, n)
}
