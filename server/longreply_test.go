package server

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// openRoom returns the options of a room with a history, in which everything is allowed.
func openRoom() chat.RoomOptions {
	o := rememberingRoom("*")
	o.HistorySize, o.SeePresence, o.ReadHistory = 300, chat.Anyone, chat.Anyone
	return o
}

// crowdInto adds members to the presence of a room, each with about bytes bytes of a reply.
func crowdInto(s *Server, room string, members, bytes int) {
	in := s.sessions.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r := s.sessions.RoomLocked(in, room)
	for n := range members {
		name := fmt.Sprintf("%s %d", strings.Repeat("x", bytes/3), n)
		r.Presence.Add(&chat.PresenceEntry{Info: &chat.ClientInfo{User: name, Client: name}})
	}
	r.Members += members
}

// talkInto publishes messages of a size in a room.
func talkInto(s *Server, room string, publications, bytes int) {
	for range publications {
		s.sessions.Publish(s.sessions.RoomRef(room), chat.Publication{Data: []byte(`"` + strings.Repeat("x", bytes) + `"`), Form: chat.FormJSON}, chat.PublishOptions{})
	}
}

// allowReplies sets the limit of long replies per connection, in bytes.
func allowReplies(s *Server, bytes int) {
	withShardsLocked(s, func() {
		s.sessions.BulkRate.Store(&limiter.Rate{Every: time.Hour / time.Duration(bytes), Burst: time.Hour})
	})
}

// repeated returns a frame with n commands.
func repeated(command string, n int) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"id":%d,%s}`, i+10, command)
	}
	return strings.Join(lines, "\n")
}

var longQuestions = map[string]string{
	"history":  `"history":{"channel":"x","limit":300}`,
	"presence": `"presence":{"channel":"x"}`,
}

func startTalkative(t *testing.T) *Server {
	s := startBackend(t, openRoom())
	talkInto(s, "x", 300, 400)
	crowdInto(s, "x", 500, 256)
	return s
}

// The long replies to the commands of one frame have a budget. Above it, each command gets an error, and the 101st consecutive error closes
// the connection.
func TestLongRepliesOfOneFrameHaveABudget(t *testing.T) {
	t.Parallel()
	for name, command := range longQuestions {
		t.Run(name, func(t *testing.T) {
			s := startTalkative(t)
			const budget = 1 << 20
			allowReplies(s, budget)
			c := connectSDK(t, s, userToken("ann"))
			c.sendLine("%s", repeated(command, 190))
			answered, refused := 0, 0
			for {
				m, err := c.next()
				if err != nil {
					t.Fatal(err)
				}
				if m.Op == ws.OpClose {
					if code, _, _ := ws.ParseClose(m.Payload); code != 3013 {
						t.Errorf("got close %d, want 3013", code)
					}
					break
				}
				if strings.Contains(string(m.Payload), `"error"`) {
					refused += strings.Count(string(m.Payload), `"error":{"code":111,`)
					continue
				}
				if id := fmt.Sprintf(`{"id":%d,`, answered+10); !strings.HasPrefix(string(m.Payload), id) {
					t.Fatalf("got %.60s, want reply %d", m.Payload, answered+10)
				}
				answered++
			}
			if refused != session.MaxRejections {
				t.Errorf("got %d rejected, want %d", refused, session.MaxRejections)
			}
			made := int(testutil.ToFloat64(s.metrics.LongReplyBytes))
			if made < budget || made > budget+s.cfg.MaxUnsent {
				t.Errorf("got %d replies of %d bytes, want %d bytes, and at most one more reply", answered, made, budget)
			}
			eventually(t, "no outstanding bytes", func() bool { return owed(s) == 0 })
		})
	}
}

// For a client that does not read, no more replies are encoded than the limit of unsent bytes.
func TestNoLongReplyIsEncodedForAStoppedReader(t *testing.T) {
	t.Parallel()
	for name, command := range longQuestions {
		t.Run(name, func(t *testing.T) {
			s := startTalkative(t)
			unmetered(s)
			stallAfter(s, fanout.StallTimeout)
			c := connectSDK(t, s, userToken("ann")).narrow(s, "ann")
			session := sessionOf(t, s, "ann")
			c.sendLine("%s", repeated(command, 190))
			eventually(t, "it to be closed", func() bool { return session.Conn.Closing() })
			const kernel = 256 << 10 // more than the buffers of its sockets
			if made := int(testutil.ToFloat64(s.metrics.LongReplyBytes)); made > 2*s.cfg.MaxUnsent+kernel {
				t.Errorf("got %d bytes encoded, want at most the limit", made)
			}
			if got := owed(s); got > 2*s.cfg.MaxUnsent {
				t.Errorf("got %d bytes outstanding, want %d at most", got, 2*s.cfg.MaxUnsent)
			}
			c.conn.Close()
			eventually(t, "no outstanding bytes", func() bool { return owed(s) == 0 && value(t, s, "throng_held_command_bytes", "") == 0 })
		})
	}
}

// A slow client that requests many pages at once receives all of them.
func TestASlowReaderReceivesAllPages(t *testing.T) {
	t.Parallel()
	s := startTalkative(t)
	c := connectSDK(t, s, userToken("ann")).narrow(s, "ann")
	const pages = 12
	c.sendLine("%s", repeated(longQuestions["history"], pages))
	waiting := sessionOf(t, s, "ann")
	use := make(chan *session.Usage)
	waiting.Conn.Poller().Post(func() { use <- waiting.Usage() })
	of := <-use
	eventually(t, "the session to wait for its reader", of.Blocked.Load)
	if got := owed(s); got > 2*s.cfg.MaxUnsent {
		t.Errorf("got %d bytes outstanding, want %d at most", got, 2*s.cfg.MaxUnsent)
	}
	for i := range pages {
		if line := c.line(); !strings.HasPrefix(line, fmt.Sprintf(`{"id":%d,"history":{"publications":[`, i+10)) {
			t.Fatalf("got %.100s, want page %d", line, i)
		}
	}
	eventually(t, "no outstanding bytes", func() bool { return owed(s) == 0 && value(t, s, "throng_held_command_bytes", "") == 0 })
}

// occupy makes all workers wait until open is called. queue is the number of tasks that may wait.
func occupy(t *testing.T, s *Server, queue int) (open func()) {
	w, gate := session.NewWorkers(1, queue, time.Hour), make(chan struct{})
	open = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(func() { open(); w.Wait() })
	w.Do(netip.Addr{}, func() { <-gate }, nil)
	withShardsLocked(s, func() { s.sessions.BulkQueries.Workers = w })
	return open
}

func waitingFor(s *Server) (n int) {
	s.sessions.BulkQueries.Mu.Lock()
	defer s.sessions.BulkQueries.Mu.Unlock()
	for _, tells := range s.sessions.BulkQueries.Waiting {
		n += len(tells)
	}
	return n
}

// A reply that many clients request at the same time is encoded once. It has the state after the last request.
func TestSimultaneousLongRequestsAreEncodedOnce(t *testing.T) {
	t.Parallel()
	s := startTalkative(t)
	open := occupy(t, s, 2)
	const clients = 20
	var all [clients]*sdk
	for i := range all {
		all[i] = connectSDK(t, s, userToken(fmt.Sprint("user", i)))
		all[i].sendLine(`{"id":%d,"subscribe":{"channel":"x"}}`, 2)
		all[i].line()
		all[i].sendLine(`{"id":%d,"presence":{"channel":"x"}}`+"\n"+`{"id":7,"presence_stats":{"channel":"y"}}`, i+100)
		eventually(t, "it to wait", func() bool { return waitingFor(s) == i+1 })
	}
	c := connectSDK(t, s, userToken("other"))
	c.sendLine(`{"id":9,"history":{"channel":"x","limit":-1}}`)
	eventually(t, "it to wait", func() bool { return waitingFor(s) == clients+1 })
	open()
	for i, c := range all {
		line := c.line()
		if !strings.HasPrefix(line, fmt.Sprintf(`{"id":%d,"presence":{"presence":{`, i+100)) || strings.Count(line, `"user":"user`) != clients {
			t.Errorf("got %.80s with %d clients, want %d", line, strings.Count(line, `"user":"user`), clients)
		}
		c.expectLine(`{"id":7,"presence_stats":{"num_clients":0,"num_users":0}}`)
	}
	if line := c.line(); !strings.HasPrefix(line, `{"id":9,"history":{"publications":[`) {
		t.Errorf("got %.80s, want the history", line)
	}
	if got := testutil.ToFloat64(s.metrics.LongReplies); got != 2 {
		t.Errorf("got %v replies encoded, want 2", got)
	}
	eventually(t, "no outstanding bytes", func() bool { return owed(s) == 0 })
}

// If no worker is free, a request is rejected before the room is copied. A client that continues is disconnected.
func TestALongReplyIsRejectedBeforeItIsEncoded(t *testing.T) {
	s := startBackend(t, openRoom())
	const members = 50_000
	crowdInto(s, "x", members, 30)
	occupy(t, s, 0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goOnOverALimit(t, s, `{"id":2,"presence":{"channel":"x"}}`, `{"code":111,"message":"too many requests","temporary":true}`)
	runtime.ReadMemStats(&after)
	const copies = session.MaxRejections * members * 8
	if got := after.TotalAlloc - before.TotalAlloc; got > copies/4 {
		t.Errorf("got %d bytes for %d rejections, want much less than the %d of so many copies of the room", got, session.MaxRejections, copies)
	}
}

// A client above its limit of reply bytes causes no proxy request.
func TestALimitRejectsBeforeTheProxyRequest(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("x", 40<<10)
	a := startApplication(t, map[string]func(question) string{session.OnRPC: always(`{"result":{"data":"` + data + `"}}`)})
	s := startHooked(t, a, nil)
	allowReplies(s, 100<<10)
	c := connectSDK(t, s, userToken("ann"))
	for range 3 {
		c.sendLine(`{"id":2,"rpc":{"method":"x"}}`)
		c.expectLine(`{"id":2,"rpc":{"data":"` + data + `"}}`)
	}
	c.sendLine(`{"id":2,"rpc":{"method":"x"}}`)
	c.expectLine(`{"id":2,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	if got := len(a.of(session.OnRPC)); got != 3 {
		t.Errorf("got %d calls, want 3", got)
	}
}

// A worker and a poller encode a history page in the same way.
func TestALongHistoryReplyEqualsAShortOne(t *testing.T) {
	t.Parallel()
	s := startTalkative(t)
	for _, json := range []bool{true, false} {
		q := session.BulkQuery{Kind: session.HistoryQuery, Room: "x", JSON: json, Limit: 3, HasFrom: true, From: chat.StreamPosition{Offset: 7}}
		body, e := s.sessions.EncodeBulk(q)
		if e != nil {
			t.Fatal(e)
		}
		pubs, at, _ := s.sessions.Read("x", q.Since(), 3, 1<<20, false)
		want, _ := session.HistoryPage(pubs, at, json, 1<<20)
		r := &session.SharedReply{Body: body}
		var d ws.Decoder
		m, _, err := d.Next(&clientRules, append(r.Head(q, 300), r.Body...))
		if err != nil {
			t.Fatal(err)
		}
		decoder := protocol.ReplyDecoder(protocol.NewJSONReplyDecoder(m.Payload))
		if !json {
			decoder = protocol.NewProtobufReplyDecoder(m.Payload)
		}
		reply, err := decoder.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if reply.Id != 300 || len(want.Publications) != 3 || string(reply.History.AppendJSON(nil)) != string(want.AppendJSON(nil)) {
			t.Errorf("json %v: got %d %.200v, want %.200v", json, reply.Id, reply.History, want)
		}
	}
}

// Text that needs six times as many bytes in JSON makes a page shorter, not larger.
func TestAHistoryPageIsBoundedByItsReply(t *testing.T) {
	t.Parallel()
	s := startBackend(t, openRoom())
	unmetered(s)
	plain := dial(t, s, "x")
	const publications = 20
	for range publications {
		text := strings.Repeat("<", 5<<10)
		plain.send(ws.OpText, text)
		plain.expect(ws.OpText, text)
	}
	c := connectSDK(t, s, userToken("ann"))
	told := 0
	for told < publications {
		line := c.answerTo(fmt.Sprintf(`"history":{"channel":"x","limit":300,"since":{"offset":%d}}`, told))
		if len(line) > s.cfg.MaxUnsent {
			t.Fatalf("got a page of %d bytes, want %d at most", len(line), s.cfg.MaxUnsent)
		}
		n := strings.Count(line, `"data":`)
		if n == 0 {
			t.Fatalf("got %.100s after offset %d", line, told)
		}
		told += n
	}
}
