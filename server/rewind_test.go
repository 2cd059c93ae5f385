package server

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

const rewound = 20 // the option rewind of the tests

// rewinding returns the options of a room with rewind.
func rewinding(pattern string) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Rewind, o.Publish = pattern, 200, time.Hour, rewound, chat.Anyone
	return o
}

// joiner joins the room "r" with one protocol. It returns a function that reads the next bytes.
type joiner struct {
	name string
	join func(t *testing.T, s *Server, user string) (read func() string)
}

func command(t testing.TB, commands ...*protocol.Command) (frame string) {
	t.Helper()
	for _, c := range commands {
		b, err := protocol.NewProtobufCommandEncoder().Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		frame += string(b)
	}
	return frame
}

func payloadsOf(c *client) func() string {
	return func() string {
		m, err := c.next()
		if err != nil {
			c.t.Fatal(err)
		}
		return string(m.Payload)
	}
}

func bytesOf(st *stream) func() string {
	return func() string {
		b := make([]byte, 1<<10)
		n, err := st.body.Read(b)
		if err != nil {
			st.t.Fatal(err)
		}
		return string(b[:n])
	}
}

const joinR = `{"id":2,"subscribe":{"channel":"r"}}`

var joiners = []joiner{
	{"plain", func(t *testing.T, s *Server, _ string) func() string { return payloadsOf(dial(t, s, "r")) }},
	{"JSON", func(t *testing.T, s *Server, _ string) func() string {
		c := connectSDK(t, s, "")
		c.sendLine(joinR)
		return func() string { return c.line() + "\n" }
	}},
	{"Protobuf", func(t *testing.T, s *Server, _ string) func() string {
		c := dialSDK(t, s, "?format=protobuf")
		c.send(ws.OpBinary, command(t, &protocol.Command{Id: 1, Connect: &protocol.ConnectRequest{}},
			&protocol.Command{Id: 2, Subscribe: &protocol.SubscribeRequest{Channel: "r"}}))
		return payloadsOf(c.client)
	}},
	{"http_stream", func(t *testing.T, s *Server, _ string) func() string {
		st := connectStream(t, s, "")
		st.sendLine(joinR)
		return bytesOf(st)
	}},
	{"sse", func(t *testing.T, s *Server, _ string) func() string {
		st := connectEvents(t, s, "")
		st.sendLine(joinR)
		return bytesOf(st)
	}},
	{"http_stream in Protobuf", func(t *testing.T, s *Server, user string) func() string {
		connect := command(t, &protocol.Command{Id: 1, Connect: &protocol.ConnectRequest{Token: grantedR(user)}})
		return bytesOf(openStream(t, s, "POST", "/connection/http_stream", connect, "Content-Type: application/octet-stream"))
	}},
	{"uni_sse", func(t *testing.T, s *Server, user string) func() string {
		return bytesOf(openStream(t, s, "GET", "/connection/uni_sse", fmt.Sprintf(`{"token":%q}`, grantedR(user))))
	}},
	{"token", func(t *testing.T, s *Server, user string) func() string {
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{"token":%q}}`, grantedR(user))
		return payloadsOf(c.client)
	}},
	{"API", func(t *testing.T, s *Server, user string) func() string {
		c := connectSDK(t, s, tokenOf(user))
		wantCall(t, s, "subscribe", fmt.Sprintf(`{"user":%q,"channel":"r"}`, user), `{"result":{}}`)
		return payloadsOf(c.client)
	}},
}

func grantedR(user string) string {
	return signed(map[string]any{"sub": user, "channels": []string{"r"}})
}

var saidPattern = regexp.MustCompile(`\{"by":(\d+),"n":(\d+)\}`)

// talk publishes in the room "r" from several goroutines until the test ends. It returns the offset of each publication.
func talk(t *testing.T, s *Server) (offsets *sync.Map) {
	var all sync.WaitGroup
	var stop atomic.Bool
	offsets = &sync.Map{}
	say := func(by, n int) {
		text := fmt.Sprintf(`{"by":%d,"n":%d}`, by, n)
		pub, _ := session.PublicationOf([]byte(text))
		_, at := s.sessions.Publish(s.sessions.RoomRef("r"), pub, chat.PublishOptions{})
		offsets.Store(text, at.Offset)
		s.sessions.Call(func(*fanout.Shard) {}) // not faster than the shards
	}
	for n := range 2 * rewound {
		say(0, n)
	}
	for by := 1; by <= 3; by++ {
		all.Go(func() {
			for n := 0; !stop.Load(); n++ {
				say(by, n)
			}
		})
	}
	t.Cleanup(func() {
		stop.Store(true)
		all.Wait()
	})
	return offsets
}

func lastOffset(s *Server, room string) uint64 {
	r := roomOf(s, room)
	r.Stripe.Mu.Lock()
	defer r.Stripe.Mu.Unlock()
	return r.History.LastOffset
}

// While others publish, a client of each protocol receives the newest publications and then the live ones: none is missing, and none comes
// twice.
func TestRewindEndsWhereTheLiveStreamBegins(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rewinding("r"))
	offsets := talk(t, s)
	for _, j := range joiners {
		t.Run(j.name, func(t *testing.T) {
			for n := range testkit.Share(10) {
				before := lastOffset(s, "r")
				read := j.join(t, s, fmt.Sprint(j.name, n))
				received := read()
				for strings.Count(received, `"n":`) < rewound {
					received += read()
				}
				after := lastOffset(s, "r")
				for strings.Count(received, `"n":`) < 10*rewound {
					received += read()
				}
				checkRewound(t, saidPattern.FindAllString(received, -1), offsets, before, after)
			}
		})
	}
}

// checkRewound checks the publications of a client that joined between two offsets.
func checkRewound(t *testing.T, received []string, offsets *sync.Map, before, after uint64) {
	t.Helper()
	var last uint64
	for i, text := range received {
		var at any
		eventually(t, "the offset of a publication", func() (ok bool) { at, ok = offsets.Load(text); return ok })
		offset := at.(uint64)
		if i == 0 && (offset+rewound <= before || offset+rewound > after+1) {
			t.Fatalf("received from offset %d on, want the newest %d of a join between %d and %d", offset, rewound, before, after)
		}
		if i > 0 && offset != last+1 {
			t.Fatalf("received offset %d after %d", offset, last)
		}
		last = offset
	}
}

// The publications of a rewind have the shape of recovered ones. The position of the reply is the one before them.
func TestTheReplyOfARewind(t *testing.T) {
	t.Parallel()
	o := rewinding("*")
	o.Rewind, o.Recovery, o.Delta = 2, true, true
	s := startAPI(t, o)
	for n := range 5 {
		call(t, s, "publish", fmt.Sprintf(`{"channel":"r","data":{"n":%d}}`, n))
	}
	type reply struct {
		Subscribe struct {
			Offset                   uint64
			Epoch                    string
			WasRecovering, Recovered bool
			Publications             []struct {
				Offset uint64
				Time   int64
				Data   json.RawMessage
			}
		}
	}
	subscribe := func(options string) (r reply) {
		c := connectSDK(t, s, "")
		c.sendLine(`{"id":2,"subscribe":{"channel":"r"%s}}`, options)
		if err := json.Unmarshal([]byte(c.line()), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	got := subscribe("").Subscribe
	if len(got.Publications) != 2 || got.Offset != 3 || got.Recovered || got.WasRecovering || got.Publications[1].Offset != 5 || got.Publications[1].Time == 0 ||
		string(got.Publications[1].Data) != `{"n":4}` {
		t.Errorf("got %+v, want offset 3 and the publications 4 and 5 with their time", got)
	}
	if r := subscribe(fmt.Sprintf(`,"recover":true,"offset":1,"epoch":%q`, got.Epoch)).Subscribe; !r.Recovered || len(r.Publications) != 4 {
		t.Errorf("got %+v, want the 4 missed publications and no rewind", r)
	}
	if r := subscribe(`,"recover":true,"offset":1,"epoch":"other"`).Subscribe; r.Recovered || len(r.Publications) != 0 {
		t.Errorf("got %+v, want no rewind after a recovery that failed", r)
	}
}

// A member with deltas receives a delta to the last publication of its rewind.
func TestDeltasContinueARewind(t *testing.T) {
	t.Parallel()
	o := rewinding("*")
	o.Delta = true
	s := startAPI(t, o)
	text := strings.Repeat("a long text that changes little ", 10)
	other := connectSDK(t, s, "")
	other.sendLine(joinR)
	other.line()
	call(t, s, "publish", `{"channel":"r","data":"`+text+` 1"}`)
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"r","delta":"fossil"}}`)
	if got := c.line(); !strings.Contains(got, text+" 1") {
		t.Fatalf("got %s, want the publication in full", got)
	}
	call(t, s, "publish", `{"channel":"r","data":"`+text+` 2"}`)
	if got := c.line(); !strings.Contains(got, `"delta":true`) {
		t.Errorf("got %s, want a delta", got)
	}
}

// The permission to read the history is needed for a rewind.
func TestRewindNeedsThePermissionToReadTheHistory(t *testing.T) {
	t.Parallel()
	signedIn, nobody := rewinding("signed"), rewinding("nobody")
	signedIn.ReadHistory, nobody.ReadHistory = chat.SignedIn, chat.Nobody
	s := startAPI(t, signedIn, nobody)
	for _, room := range []string{"signed", "nobody"} {
		call(t, s, "publish", fmt.Sprintf(`{"channel":%q,"data":"before"}`, room))
		anonymous, user, plain := connectSDK(t, s, ""), connectSDK(t, s, tokenOf("ann")), dial(t, s, room)
		for _, c := range []*sdk{anonymous, user} {
			want := c == user && room == "signed"
			if got := strings.Contains(c.enter(room), "before"); got != want {
				t.Errorf("%s: got a rewind: %t, want %t", room, got, want)
			}
		}
		call(t, s, "publish", fmt.Sprintf(`{"channel":%q,"data":"live"}`, room))
		plain.expect(ws.OpText, "live")
	}
}

// A rewind has the newest publications that fit in half of max-unsent. All rewinds of a connection share max-unsent.
func TestRewindsAreBounded(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rewinding("*"))
	const half = 128 << 10
	text := strings.Repeat("x", 60<<10)
	for room := range 4 {
		for n := range 3 {
			call(t, s, "publish", fmt.Sprintf(`{"channel":"room%d","data":{"n":%d,"text":%q}}`, room, n, text))
		}
	}
	c := connectSDK(t, s, "")
	var got []string
	start := time.Now()
	for room := range 4 {
		line := c.enter("room" + strconv.Itoa(room))
		if len(line) > half {
			t.Errorf("got %d bytes, want %d at most", len(line), half)
		}
		got = append(got, fmt.Sprint(strings.Contains(line, `"n":0`), strings.Contains(line, `"n":1`), strings.Contains(line, `"n":2`)))
	}
	newest, rewinds := "false true true", 0
	for _, g := range got {
		if g == newest {
			rewinds++
		} else if g != "false false false" {
			t.Errorf("got %v, want the two newest publications of a room or none", got)
		}
	}
	regained := int(half * time.Since(start) / time.Second) // bytes that the rate allows again while the client joins
	if most := (2*half + regained) / (2 * len(text)); rewinds > most || got[0] != newest || got[1] != newest {
		t.Errorf("got %v, want two publications in each of the first two rooms, and of %d rooms at most", got, most)
	}
	plain := dial(t, s, "room0")
	for _, n := range []string{"1", "2"} {
		if m, err := plain.next(); err != nil || !strings.HasPrefix(string(m.Payload), `{"n":`+n) {
			t.Fatalf("got %.20s, %v; want publication %s", m.Payload, err, n)
		}
	}
	if complete, short := value(t, s, "throng_rewinds_total", "yes"), value(t, s, "throng_rewinds_total", "no"); complete != 0 || short != 5 {
		t.Errorf("counted %v complete rewinds and %v others, want 0 and 5", complete, short)
	}
}

// A rewind has no publication that is older than history-ttl.
func TestExpiredPublicationsAreNotRewound(t *testing.T) {
	t.Parallel()
	s := startAPI(t, rewinding("*"))
	call(t, s, "publish", `{"channel":"r","data":"old"}`)
	call(t, s, "publish", `{"channel":"r","data":"new"}`)
	r, unlock := s.sessions.Rooms.Find("r")
	r.History.At(0).At -= r.HistoryTTL() + 1
	unlock()
	dial(t, s, "r").expect(ws.OpText, "new")
	if got := connectSDK(t, s, "").enter("r"); strings.Contains(got, "old") {
		t.Errorf("got %s, want no expired publication", got)
	}
}
